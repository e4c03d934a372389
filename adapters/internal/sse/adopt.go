package sse

import (
	"errors"
	"net"
)

// ErrNotAdoptable says that a connection's socket cannot be taken over: it is
// not plain TCP, the system has no epoll, or the engine is stopped. Serve the
// stream instead.
var ErrNotAdoptable = errors.New("the connection's socket cannot be taken over")

// kernel is what a shard asks of the system. Tests and benchmarks have a
// simulated one.
type kernel interface {
	sockets
	poller
}

// sockets never block. Errors: errBlocked if a socket takes or has nothing
// now, errClientGone, errStalled, or what is wrong.
type sockets interface {
	// take makes conn's socket the shard's. The caller closes conn, which leaves
	// the socket open. Errors: ErrNotAdoptable.
	take(conn net.Conn) (fd int, err error)
	// watch has wait tell, with this mark, when the client of a new socket sends
	// something or is gone; again, with writable, also when the socket takes more.
	watch(fd int, mark int32, writable bool) error
	// write writes what the socket takes now.
	write(fd int, b []byte) (int, error)
	// discard drops what the client sent, up to a little over maxClientBytes.
	discard(fd int) (int, error)
	close(fd int)
}

// poller tells of readiness.
type poller interface {
	// wait fills ready, blocking until there is something. Errors: errShutdown
	// once shut was called.
	wait(ready []readiness) (int, error)
	shut()
}

// readiness is what changed on a socket.
type readiness struct {
	fd                         int
	mark                       int32
	readable, writable, broken bool
}

var errBlocked = errors.New("the socket takes or has nothing now")

// maxClientBytes is how much a client may send after its request; an
// EventSource sends nothing.
const maxClientBytes = 16 << 10

// Adopt hands the stream and the socket of conn to a shard, which first writes
// head, and closes conn: no goroutine is left to wait for the stream. Its end is
// told to the function that OnEnd was given. Errors: ErrNotAdoptable; conn is
// still the caller's then.
func (s *Stream) Adopt(conn net.Conn, head []byte) error {
	sh := s.engine.nextShard()
	if sh == nil {
		return ErrNotAdoptable
	}
	fd, err := sh.kernel.take(conn)
	if err != nil {
		return err
	}
	s.socket = socket{fd: int32(fd), slot: -1} //nolint:gosec // descriptors are small
	if len(head) > 0 {
		s.prepend(private{body: head})
	}
	s.take(sh)
	if !sh.list(s) {
		s.take(nil) // Serve it, it will end at once
		sh.kernel.close(fd)
		return ErrNotAdoptable
	}
	_ = conn.Close() // its duplicate is in use
	return nil
}
