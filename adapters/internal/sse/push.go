package sse

import (
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// AttachPending adds a stream that nobody has accepted yet, whose client has got
// everything up to lastEventID: what is pushed to it goes out before the log, until
// Open. The log goes on after lastEventID, if it holds that, and at its end
// otherwise. It is as Attach in all else.
func (e *Engine) AttachPending(token connection.Token, lastEventID string) (*Stream, error) {
	s, err := e.attach(&Stream{engine: e, token: token, pending: new(pending)}, claim{})
	if err == nil {
		s.claim(lastEventID)
	}
	return s, err
}

// Open says that a pending stream was accepted. Adopt or Serve it then.
func (s *Stream) Open() {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.openLocked()
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
		e.passLocked(f)
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
		return s.pending != nil, nil
	}
	p := s.placeLocked(f)
	p.final = last
	return s.pending != nil, s.push(p)
}
