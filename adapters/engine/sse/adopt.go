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
	// take makes conn's socket the shard's; closing conn leaves it open. Errors:
	// ErrNotAdoptable.
	take(conn net.Conn) (fd int, err error)
	// watch has wait tell, with this generation, when the client of a new socket sends
	// something or is gone; again, with writable, also when the socket takes more.
	watch(fd int, generation int32, writable bool) error
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
	generation                 int32
	readable, writable, broken bool
}

var errBlocked = errors.New("the socket takes or has nothing now")

// maxClientBytes is how much a client may send after its request; an
// EventSource sends nothing.
const maxClientBytes = 16 << 10

// Answer is an HTTP answer of which the engine writes the body.
type Answer struct {
	// Head is the status line and the headers, with the empty line after them.
	Head []byte
	// Chunked says that they announce a chunked body. It ends with its last chunk when
	// the stream is ended by the server; any other ends with the connection.
	Chunked bool
}

// Adopt takes over the socket of conn, calls opened, and hands the stream to a
// shard, which first writes the answer's head: together with what opened sent, or without it
// if opened takes longer than a moment. No goroutine is left to wait for the
// stream; its end is told to the function that OnEnd was given. The caller
// closes conn, which leaves the socket open and may have happened by then, and
// must not write to it any more.
// Errors: ErrNotAdoptable; then nothing has happened.
func (s *Stream) Adopt(conn net.Conn, answer Answer, opened func()) error {
	sh := s.engine.nextShard()
	if sh == nil {
		return ErrNotAdoptable
	}
	fd, err := sh.kernel.take(conn)
	if err != nil {
		return err
	}
	s.engine.sockets.Add(1)
	s.socket = socket{fd: int32(fd), slot: -1, chunked: answer.Chunked} //nolint:gosec // descriptors are small
	s.handOver(answer.Head)
	h := s.engine.handoffs.add(s, sh, conn)
	defer h.complete() // also if opened panics
	opened()
	return nil
}

// handOver notes that a shard will get the stream, and write head first.
func (s *Stream) handOver(head []byte) {
	s.mu.Lock()
	s.handedOver = true
	s.mu.Unlock()
	if len(head) > 0 {
		s.prepend(private{body: head, raw: true})
	}
}

// start has sh write s from now on.
func (s *Stream) start(sh *shard) {
	s.take(sh)
	if sh.list(s) {
		return
	}
	sh.close(s)
	s.engine.detach(s, errShutdown)
	s.engine.endings.add(s.token, reasonOf(errShutdown))
	s.engine.endings.flush() // nobody else may do so any more
}
