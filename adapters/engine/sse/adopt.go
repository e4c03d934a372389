package sse

import (
	"net"

	"heliograph/adapters/engine/sse/transport"
)

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
// if opened takes longer than a moment. No goroutine waits for the stream's end; it is
// reported to the function that OnEnd was given. The caller
// closes conn, which leaves the socket open and may have happened by then, and
// must not write to it any more.
// Errors: transport.ErrNotAdoptable; then nothing has happened.
func (s *Stream) Adopt(conn net.Conn, answer Answer, opened func()) error {
	sh, ok := s.engine.shards.next()
	if !ok {
		return transport.ErrNotAdoptable
	}
	fd, err := sh.Kernel.Take(conn)
	if err != nil {
		return err
	}
	s.engine.shards.sockets.Add(1)
	s.socket = transport.NewSocket(fd, answer.Chunked)
	s.mu.Lock()
	s.handedOver = true
	s.mu.Unlock()
	if len(answer.Head) > 0 {
		s.prepend(private{body: answer.Head, raw: true})
	}
	h := s.engine.handoffs.add(s, sh, conn)
	defer h.complete() // also if opened panics
	opened()
	return nil
}
