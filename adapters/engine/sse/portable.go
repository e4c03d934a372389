package sse

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
)

// Sink is what the portable transport writes to: one HTTP response. If it also has a
// method NetConn, that returns the connection below, which is watched so that a client
// that vanishes is noticed.
type Sink interface {
	io.Writer
	// Flush sends what was written.
	Flush() error
	// SetWriteDeadline makes writes fail from then on, also one under way. It may
	// be called while another goroutine writes.
	SetWriteDeadline(t time.Time) error
}

// portable is the transport of one stream whose writer is a goroutine: for
// TLS, HTTP/2, and systems without epoll.
type portable struct {
	stream *Stream
	sink   Sink
	awake  chan struct{}
}

// rounds wake the streams that goroutines write: a round ends when the log has grown.
type rounds struct {
	current  atomic.Pointer[chan struct{}] // closed at the round's end
	appended chan struct{}                 // asks the engine to end the round
	streams  atomic.Int32                  // served
}

func newRounds() *rounds {
	r := &rounds{appended: make(chan struct{}, 1)}
	r.current.Store(new(make(chan struct{})))
	return r
}

// wake asks for the end of the round.
func (r *rounds) wake() {
	select {
	case r.appended <- struct{}{}:
	default: // the engine has not seen the one before yet
	}
}

// end ends the round, and reports whether there is a stream.
func (r *rounds) end() bool {
	if r.streams.Load() == 0 {
		return false
	}
	close(*r.current.Swap(new(make(chan struct{}))))
	return true
}

// longAgo as a write deadline makes a write under way fail at once.
var longAgo = time.Unix(1, 0)

func (p *portable) wake(*Stream) {
	select {
	case p.awake <- struct{}{}:
	default: // it is awake, or will be
	}
}

func (p *portable) interrupt(s *Stream) {
	_ = p.sink.SetWriteDeadline(longAgo) // it fails only for a response that is broken anyway
	p.wake(s)
}

// Serve writes the stream to sink until it ends, and detaches it. It blocks;
// call it once. Ending ctx means that the client went away. It returns why the
// stream ended, in the gateway protocol's words.
func (s *Stream) Serve(ctx context.Context, sink Sink) connection.Reason {
	p := &portable{stream: s, sink: sink, awake: make(chan struct{}, 1)}
	s.take(p)
	if conn, ok := sink.(interface{ NetConn() net.Conn }); ok {
		s.engine.cfg.vanishing().Watch(conn.NetConn())
	}
	s.engine.rounds.streams.Add(1)
	err := p.serve(ctx)
	s.engine.rounds.streams.Add(-1)
	if errors.Is(err, transport.ErrEnded) {
		_ = sink.SetWriteDeadline(time.Time{}) // the connection may carry other answers after this one
	}
	s.engine.detach(s, err)
	return reasonOf(err)
}

func (p *portable) serve(ctx context.Context) error {
	s := p.stream
	for {
		round := s.engine.rounds.current.Load() // before looking, so that nothing appended between looking and waiting is missed
		step, err := s.next(nil)
		if err != nil {
			return err
		}
		if len(step.Bytes)+len(step.ID) == 0 {
			if err := p.wait(ctx, *round); err != nil {
				return err
			}
			continue
		}
		if err := p.write(ctx, step); err != nil {
			return err
		}
		s.engine.counted.written.Add(uint64(len(step.ID) + len(step.Bytes)))
		if !step.Private {
			s.engine.latencies.Done(s.moveTo(step.To), step.To.Events(), 1)
			continue
		}
		if _, final := s.wrotePrivate(len(step.ID) + len(step.Bytes)); final {
			return transport.ErrEnded
		}
	}
}

// wait blocks until there may be something to write.
func (p *portable) wait(ctx context.Context, round <-chan struct{}) error {
	select {
	case <-round:
	case <-p.awake:
	case <-ctx.Done():
		return transport.ErrClientGone
	}
	return nil
}

// write writes and flushes, bounded by the stall time-out and interruptible by end.
func (p *portable) write(ctx context.Context, st transport.Step) error {
	if err := p.setDeadline(); err != nil {
		return err
	}
	err := writeStep(p.sink, st)
	if err == nil {
		err = p.sink.Flush()
	}
	if err == nil {
		return nil
	}
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verdict != nil {
		return s.verdict // the write was interrupted
	}
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	switch {
	case ok && timeout.Timeout():
		return transport.ErrStalled
	case ctx.Err() != nil:
		return transport.ErrClientGone
	default:
		return err
	}
}

// writeStep writes a step without chunks, which are the sink's affair, and without
// copying what streams share.
func writeStep(w io.Writer, st transport.Step) error {
	if st.Private {
		_, err := w.Write(st.ID)
		if err == nil {
			_, err = w.Write(st.Bytes)
		}
		return err
	}
	frame, rest := wire.CutChunk(st.Bytes)
	if len(rest) == 0 { // mostly
		_, err := w.Write(frame)
		return err
	}
	buf := outBuffers.Get().(*outBuffer) //nolint:forcetypeassert // the pool has nothing else
	defer outBuffers.Put(buf)
	b := append(buf[:0], frame...)
	for len(rest) > 0 {
		frame, rest = wire.CutChunk(rest)
		if len(b)+len(frame) > len(buf) {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = buf[:0]
		}
		b = append(b, frame...) // one that is larger than buf gets memory of its own
	}
	_, err := w.Write(b)
	return err
}

// outBuffer gathers frames, because each Write costs. It is about as large as what
// net/http keeps for a connection: a client that reads slowly holds one.
type outBuffer [8 << 10]byte

var outBuffers = sync.Pool{New: func() any { return new(outBuffer) }}

// setDeadline sets the deadline of the next write, unless the stream must end.
func (p *portable) setDeadline() error {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verdict != nil {
		return s.verdict
	}
	return p.sink.SetWriteDeadline(time.Now().Add(s.engine.cfg.StallTimeout))
}
