package transport

import (
	"net"
	"time"
)

// Vanishing says how the system notices a client whose machine or network failed
// without closing the connection.
type Vanishing struct {
	After  time.Duration // without an acknowledgement
	Probes bool          // ask the client's machine while nothing is sent to it
}

// Watch sets conn up, if it is TCP, maybe with TLS on top. Where the system does not
// know the options, TCP's default time-outs apply.
func (v Vanishing) Watch(conn net.Conn) {
	if wrapper, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = wrapper.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { v.set(int(fd)) }) // it is closed, and so ends anyway
	}
}
