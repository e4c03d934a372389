package sse

import (
	"bytes"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// AttachPending adds a stream at the log's end that nobody has accepted yet:
// what is pushed to it goes out before the log from its place on, until Open.
// Otherwise it is as Attach.
func (e *Engine) AttachPending(token connection.Token) (*Stream, error) {
	return e.attach(&Stream{engine: e, token: token, pending: true}, claim{})
}

// Open says that a pending stream was accepted. Adopt or Serve it then. What the
// client has had, up to lastEventID, it does not get again, in case that was
// published while the stream was pending.
func (s *Stream) Open(lastEventID string) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.pending = false
	if _, end, known := s.engine.log.find(lastEventID); known {
		s.skipTo(end)
	}
}

// skipTo moves the place of a stream that nobody writes yet forward.
func (s *Stream) skipTo(place mark) {
	if place.off > s.at.off {
		s.at = place
		s.offset.Store(place.off)
	}
}

// Publish appends f to the log, for every stream, open or pending, and returns
// how many they are. An event whose ID the log holds already was published
// before and is not again. Errors: gateway.ErrClosed.
func (e *Engine) Publish(f Frame) (streams int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, gateway.ErrClosed
	}
	if f.control() {
		f.id = "" // it is in the frame, but names another event's place
	}
	if _, _, known := e.log.find(f.id); !known {
		e.log.appendFrame(f.id, f.bytes)
		e.appendedLocked()
	}
	return len(e.streams), nil
}

// Push queues f for one stream and, if last, ends the stream after it. With the
// zero Frame it does either nothing or the latter. It reports whether the stream
// is pending. Errors: gateway.ErrUnknownToken,
// gateway.ErrStreamFull, gateway.ErrClosed.
func (e *Engine) Push(token connection.Token, f Frame, last bool) (pending bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false, gateway.ErrClosed
	}
	s, ok := e.streams[token]
	if !ok {
		return false, gateway.ErrUnknownToken
	}
	if len(f.bytes) == 0 && !last {
		return s.pending, nil
	}
	at := e.log.head()
	if s.pending {
		at = s.placeLocked(f)
	}
	return s.pending, s.push(private{at: at, body: f.bytes, final: last})
}

// placeLocked is where an event goes out that is pushed to a pending stream. With
// Engine.mu held.
//
// That is at once, before the log. If it is one that the log has too, because the
// backend repeats what a client missed, it goes out once: the stream's place
// moves behind it. So does that of a client which is told from where it reads
// now. Any other event with the ID of a log event is a private one that came
// after that, and so goes out after it.
func (s *Stream) placeLocked(f Frame) mark {
	at := s.lastPlace()
	logged, end, known := s.engine.log.find(f.id)
	switch {
	case !known || end.off <= at.off:
	case f.name == event.NameStreamReset || bytes.Equal(logged, f.bytes):
		s.skipTo(end)
	default:
		at = end
	}
	return at
}

// lastPlace is where the last of what waits goes out, or the stream begins. Only
// for a stream without a transport.
func (s *Stream) lastPlace() mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil || len(s.queue.private) == 0 {
		return s.at
	}
	if last := s.queue.private[len(s.queue.private)-1].at; last.off > s.at.off {
		return last
	}
	return s.at
}
