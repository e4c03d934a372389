package transport

import (
	"time"

	"golang.org/x/sys/unix"
)

// set sets a socket's options. With both, the kernel gives up when v.After has passed
// since the client's machine was last heard of.
func (v Vanishing) set(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(v.After.Milliseconds()))
	if !v.Probes {
		return
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(v.After/2))
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(v.After/4))
}

// seconds is d as the kernel takes it.
func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }
