package sse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Sink is what a stream is written to: one HTTP response.
type Sink interface {
	io.Writer
	// Flush sends what was written.
	Flush() error
	// SetWriteDeadline makes writes fail from then on, also one under way. It may
	// be called while another goroutine writes.
	SetWriteDeadline(t time.Time) error
}

// stallTimeout is how long one write may take. A reader that takes nothing for
// two heartbeats of the default interval is gone or as good as gone, and it can
// come back and resume.
const stallTimeout = 30 * time.Second

// longAgo as a write deadline makes a write under way fail at once.
var longAgo = time.Unix(1, 0)

// Why a stream ends.
var (
	errClientGone = errors.New("the client went away")
	errEnded      = errors.New("the stream was ended by the server")
	errShutdown   = errors.New("the engine was shut down")
	errStalled    = errors.New("slow consumer: a write took too long")
	errSlowLog    = fmt.Errorf("slow consumer: %w", errBehind)
)

// Stream is one browser's stream: a place in the log and, rarely, private
// events. It takes events from Attach on, and delivers them once Serve runs.
type Stream struct {
	engine *Engine
	token  connection.Token
	joined uint64      // log events before it was attached, which were not counted for it
	reset  ResetReason // told to the client first, with the place where it begins
	wake   chan struct{}

	at     mark          // what it has written; owned by Serve
	offset atomic.Uint64 // at.off, for whoever looks for slow consumers

	mu           sync.Mutex
	private      []private // in the order of their places; guarded by mu
	privateBytes int       // guarded by mu
	final        bool      // the last event is queued, none is taken after it; guarded by mu
	verdict      error     // why the stream must end now; guarded by mu
	sink         Sink      // set by Serve; guarded by mu
}

// private is an event for one stream, which goes out when the stream has
// written the log up to at. So what a client gets is in the order in which it
// was handed over, be it private or not.
type private struct {
	at      mark
	frame   []byte
	service event.Service // "" for a control event
	begun   time.Time
	final   bool // ends the stream
}

// Serve writes the stream to sink until it ends, and detaches it. It blocks;
// call it once. Ending ctx means that the client went away. It returns why the
// stream ended, in the gateway protocol's words.
func (s *Stream) Serve(ctx context.Context, sink Sink) connection.Reason {
	s.mu.Lock()
	s.sink = sink
	s.mu.Unlock()
	err := s.serve(ctx, sink)
	if errors.Is(err, errEnded) {
		_ = sink.SetWriteDeadline(time.Time{}) // the connection may carry other answers after this one
	}
	s.engine.detach(s, err)
	switch {
	case errors.Is(err, errClientGone):
		return connection.ReasonClientClosed
	case errors.Is(err, errSlowLog), errors.Is(err, errStalled), errors.Is(err, errEnded),
		errors.Is(err, errShutdown), errors.Is(err, gateway.ErrStreamFull):
		return connection.ReasonServerClosed
	default:
		return connection.ReasonError
	}
}

// Detach gives up a stream that was never served; after Serve it does nothing.
func (s *Stream) Detach() { s.engine.detach(s, errClientGone) }

func (s *Stream) serve(ctx context.Context, sink Sink) error {
	if err := s.write(ctx, sink, s.prelude()); err != nil {
		return err
	}
	for {
		round := s.engine.round.Load() // before looking, so that nothing slips in between looking and waiting
		step, err := s.next()
		if err != nil {
			return err
		}
		if step.bytes == nil {
			if err := s.wait(ctx, *round); err != nil {
				return err
			}
			continue
		}
		if err := s.write(ctx, sink, step.bytes); err != nil {
			return err
		}
		s.wrote(step)
		if step.private.final {
			return errEnded
		}
	}
}

// prelude is what a stream begins with; often nothing.
func (s *Stream) prelude() []byte {
	var b []byte
	if s.engine.cfg.Format == FormatEnvelope {
		b = append(b, readyFrame...)
	}
	if s.reset != "" {
		b = appendReset(b, s.engine.id(s.at), s.reset)
	}
	return b
}

// step is the next piece to write: a private event, or log bytes up to a mark.
type step struct {
	bytes   []byte
	private private
	to      mark
}

// next decides what to write; no bytes mean that there is nothing yet.
//
// The log is read before the private events: what was queued before an event
// was appended is then seen with it, and so leaves before it.
func (s *Stream) next() (step, error) {
	chunk, to, err := s.engine.log.read(s.at.off)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verdict != nil {
		return step{}, s.verdict
	}
	if err != nil {
		return step{}, errSlowLog
	}
	if len(s.private) > 0 {
		p := s.private[0]
		if p.at.off <= s.at.off {
			return step{bytes: p.frame, private: p, to: s.at}, nil
		}
		if p.at.off < to.off {
			chunk, to = chunk[:p.at.off-s.at.off], p.at
		}
	}
	if len(chunk) == 0 {
		return step{}, nil
	}
	return step{bytes: chunk, to: to}, nil
}

// wrote moves on after a step.
func (s *Stream) wrote(st step) {
	s.engine.written.Add(uint64(len(st.bytes)))
	if st.private.frame != nil {
		s.popPrivate()
		if st.private.service != "" {
			s.engine.metrics.Took(st.private.service, time.Since(st.private.begun))
		}
		return
	}
	from := max(s.at.events(), s.joined)
	s.at = st.to
	s.offset.Store(st.to.off)
	s.engine.ledger.done(from, st.to.events())
}

func (s *Stream) popPrivate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.privateBytes -= len(s.private[0].frame)
	s.private = s.private[1:]
	if len(s.private) == 0 {
		s.private = nil
	}
}

// write writes and flushes, bounded by stallTimeout and interruptible by end.
func (s *Stream) write(ctx context.Context, sink Sink, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := s.arm(sink); err != nil {
		return err
	}
	_, err := sink.Write(b)
	if err == nil {
		err = sink.Flush()
	}
	if err == nil {
		return nil
	}
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
		return errStalled
	case ctx.Err() != nil:
		return errClientGone
	default:
		return err
	}
}

// arm sets the deadline of the next write, unless the stream must end.
func (s *Stream) arm(sink Sink) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verdict != nil {
		return s.verdict
	}
	return sink.SetWriteDeadline(time.Now().Add(stallTimeout))
}

// wait blocks until there may be something to write.
func (s *Stream) wait(ctx context.Context, round <-chan struct{}) error {
	select {
	case <-round:
	case <-s.wake:
	case <-ctx.Done():
		return errClientGone
	}
	return nil
}

// push queues a private event. The engine calls it under its mutex, so that the
// event's place is before whatever is appended next. Errors:
// gateway.ErrUnknownToken after the last event, gateway.ErrStreamFull over the
// limit, which ends the stream.
func (s *Stream) push(p private) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final || s.verdict != nil {
		return gateway.ErrUnknownToken
	}
	if s.privateBytes+len(p.frame) > s.engine.cfg.PrivateBytes && !p.final {
		s.endLocked(gateway.ErrStreamFull)
		return gateway.ErrStreamFull
	}
	s.private = append(s.private, p)
	s.privateBytes += len(p.frame)
	s.final = p.final
	s.wakeUp()
	return nil
}

// end ends the stream without regard to what waits, also if it is stuck in a
// write.
func (s *Stream) end(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(why)
}

func (s *Stream) endLocked(why error) {
	if s.verdict != nil {
		return
	}
	s.verdict = why
	if s.sink != nil {
		_ = s.sink.SetWriteDeadline(longAgo) // it fails only for a stream that is broken anyway
	}
	s.wakeUp()
}

func (s *Stream) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake, or will be
	}
}
