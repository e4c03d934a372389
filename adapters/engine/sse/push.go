package sse

import (
	"context"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// AttachPending adds a stream that no backend has accepted yet, whose client has got
// everything up to client.LastEventID: what is pushed to it goes out before the log, until
// Open. The log goes on after that, if it holds that, and at its end
// otherwise. It is as Attach in all else.
func (e *Engine) AttachPending(token connection.Token, client Client) (*Stream, error) {
	s, err := e.attach(&Stream{engine: e, token: token, name: client.Name, pending: new(pending)}, resumeRequest{})
	if err == nil {
		s.notePlace(client.LastEventID)
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
		f.id = "" // it is in the frame, but names another event's position
	}
	if _, _, known := e.log.Find(f.id); !known {
		e.passLocked(f)
		e.log.AppendFrame(f.id, f.bytes)
		if f.name == stream.NamePing {
			e.beats.pinged()
		}
		e.appendedLocked()
	}
	return len(e.streams), nil
}

// Push queues f for one stream and, if last, ends the stream after it. With the
// zero Frame it does either nothing or the latter. A log event that the stream has
// been sent, or will be sent by the log, is not queued again: a backend repeats
// what it got no answer to. It reports whether the stream is pending. Errors: gateway.ErrUnknownToken,
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
	p, repeated := s.placeLocked(f)
	switch {
	case repeated && !last:
		return s.pending != nil, nil
	case repeated:
		p = private{at: e.log.Head()} // the end alone
	}
	p.final = last
	return s.pending != nil, s.push(p)
}

const (
	// roomTime is how long a push waits for room: less than the 5 s after which a
	// backend gives a push up.
	roomTime = 4 * time.Second
	// maxWaitingPushes bounds how many do, and so the memory of their events.
	maxWaitingPushes = 256
)

// PushWhenRoom is Push, but waits for a moment if too much is queued for the stream
// already: this slows a backend that pushes one event after the other down to the pace
// of the client, which would otherwise be disconnected over its limit. Errors: as
// Push; gateway.ErrStreamFull when the client made no room in time or ctx ended.
func (e *Engine) PushWhenRoom(ctx context.Context, token connection.Token, f Frame, last bool) (pending bool, err error) {
	room := e.room(token, f)
	if room == nil {
		return e.Push(token, f, last)
	}
	select {
	case e.waiting <- struct{}{}:
		defer func() { <-e.waiting }()
	default:
		return e.Push(token, f, last)
	}
	late := time.NewTimer(roomTime)
	defer late.Stop()
	for room != nil {
		select {
		case <-room:
			room = e.room(token, f)
		case <-late.C:
			room = nil
		case <-ctx.Done():
			room = nil
		}
	}
	return e.Push(token, f, last)
}

// room returns nil if f may be pushed, or a channel that is closed when that may have
// changed.
func (e *Engine) room(token connection.Token, f Frame) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.streams[token]
	if !ok || e.closed {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.overLocked(len(f.bytes)) {
		return nil
	}
	if s.queue.room == nil {
		s.queue.room = make(chan struct{})
	}
	return s.queue.room
}

// overLocked reports whether so many bytes more would be too much to wait. One event
// that is too large by itself may wait alone.
func (s *Stream) overLocked(bytes int) bool {
	return s.queue != nil && s.queue.bytes > 0 && s.queue.bytes+bytes > s.engine.cfg.PrivateBytes
}

// makeRoom wakes the pushes that wait for room. With Stream.mu held.
func (q *queue) makeRoom() {
	if q != nil && q.room != nil {
		close(q.room)
		q.room = nil
	}
}
