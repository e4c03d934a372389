//go:build linux || darwin || freebsd

package natsbroker

import "golang.org/x/sys/unix"

// diskSpace returns how many bytes this process may still write to the disk that dir
// is on, and how large the disk is.
func diskSpace(dir string) (free, whole uint64, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, 0, err
	}
	block := uint64(stat.Bsize)                                          //nolint:gosec,unconvert,nolintlint // its type differs between systems
	return uint64(stat.Bavail) * block, uint64(stat.Blocks) * block, nil //nolint:gosec,unconvert,nolintlint // as above
}
