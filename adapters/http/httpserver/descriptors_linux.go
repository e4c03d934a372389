package httpserver

import "golang.org/x/sys/unix"

// maxGrown bounds the memory that growDescriptors takes: eight bytes in the
// kernel for each descriptor, half a megabyte.
const maxGrown = 1 << 16

// growDescriptors has the kernel make its table of this process's descriptors as
// large as it may become, instead of doubling it time and again: each time a
// process with threads stands still for an RCU grace period, some 20 ms, and ten
// thousand browsers that connect at once make it eight times. It is no matter if
// it fails.
func growDescriptors() {
	var limit unix.Rlimit
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur < 2 {
		return
	}
	if high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, int(min(limit.Cur, maxGrown))-1); err == nil {
		_ = unix.Close(high)
	}
}
