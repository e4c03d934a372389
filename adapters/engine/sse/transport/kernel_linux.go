package transport

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// epoll is the kernel of Linux. Its descriptor hangs in Go's own poller, so
// waiting for ten thousand sockets takes one parked goroutine and no thread.
type epoll struct {
	fd     int // of file, valid until shut
	file   *os.File
	conn   syscall.RawConn
	gone   Vanishing
	events []unix.EpollEvent
}

// NewKernel returns the system's kernel; an error means that there is none.
func NewKernel(gone Vanishing) (Kernel, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // makes os.NewFile use Go's poller
		return nil, errors.Join(fmt.Errorf("set up epoll: %w", err), unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "epoll")
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("poll epoll: %w", err), file.Close())
	}
	return &epoll{fd: fd, file: file, conn: conn, gone: gone, events: make([]unix.EpollEvent, 256)}, nil
}

// Take implements Kernel. The descriptor is duplicated and conn closed by the
// caller, so that from then on only the shard can close it, and the system cannot reuse
// its number while the shard has it.
func (k *epoll) Take(conn net.Conn) (int, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0, ErrNotAdoptable
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNotAdoptable, err)
	}
	var fd int
	controlErr := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(controlErr, err); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNotAdoptable, err)
	}
	k.gone.set(fd)
	return fd, nil
}

// Watch implements Kernel. It is edge-triggered, so that a full socket needs no further
// system call. A new socket is always writable, so writability is watched only once a
// write has blocked.
func (k *epoll) Watch(fd int, generation int32, writable bool) error {
	op, ev := unix.EPOLL_CTL_ADD, unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd), Pad: generation, //nolint:gosec // descriptors are small
	}
	if writable {
		op = unix.EPOLL_CTL_MOD
		ev.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(k.fd, op, fd, &ev)
}

// Write implements Kernel.
func (k *epoll) Write(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Write(fd, b)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, meaning(err)
		}
	}
}

// Discard implements Kernel.
func (k *epoll) Discard(fd int) (int, error) {
	var buf [4 << 10]byte
	for total := 0; ; {
		n, err := unix.Read(fd, buf[:])
		total += max(n, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return total, meaning(err)
		case n == 0:
			return total, ErrClientGone
		case total > MaxClientBytes:
			return total, nil
		}
	}
}

// meaning translates a socket's error into what it says about the client.
func meaning(err error) error {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return ErrBlocked
	case errors.Is(err, unix.ETIMEDOUT):
		return ErrStalled
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return ErrClientGone
	default:
		return err
	}
}

// Close implements Kernel; closing ends the watching too.
func (k *epoll) Close(fd int) {
	_ = unix.Close(fd) // on Linux the descriptor is free whatever it returns
}

// Wait implements Kernel.
func (k *epoll) Wait(ready []Readiness) (n int, err error) {
	var waitErr error
	err = k.conn.Read(func(fd uintptr) bool {
		n, waitErr = unix.EpollWait(int(fd), k.events[:min(len(ready), len(k.events))], 0)
		return n > 0 || waitErr != nil && !errors.Is(waitErr, unix.EINTR)
	})
	if err != nil || waitErr != nil {
		return 0, fmt.Errorf("%w: %w", ErrShutdown, errors.Join(err, waitErr))
	}
	for i, ev := range k.events[:n] {
		ready[i] = Readiness{
			FD:         int(ev.Fd),
			Generation: ev.Pad,
			Readable:   ev.Events&unix.EPOLLIN != 0,
			Writable:   ev.Events&unix.EPOLLOUT != 0,
			Broken:     ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
		}
	}
	return n, nil
}

// Shut implements Kernel.
func (k *epoll) Shut() {
	_ = k.file.Close() // nothing was written to it
}
