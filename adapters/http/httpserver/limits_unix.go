//go:build unix

package httpserver

import "golang.org/x/sys/unix"

// DescriptorLimits returns the limits for this process as it is (RLIMIT_NOFILE).
func DescriptorLimits() Limits {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return Limits{}
	}
	return LimitsFor(uint64(limit.Cur)) //nolint:unconvert // FreeBSD's is signed
}
