package ssegateway

import (
	"bytes"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// The IDs on a stream never go back, or a client that comes back with the last one
// would get again what it has. A backend alone cannot ensure that: when several of its
// nodes push to one gateway, or the gateway was restarted and gets again the events that
// its predecessor had accepted, an event may come late. So IDs that are positions in one
// log (event.ID) are compared; of others it is only known whether they are equal.

// Stream is one browser's stream, with what its backend has made of it.
type Stream struct {
	*sse.Stream
	gateway *Gateway

	// Guarded by the engine's mutex.
	pending   *pending // until the backend has accepted the stream
	lastReset string   // the ID of the last stream_reset that was pushed
	lastEvent string   // the ID of the last log event that was pushed
	lastNamed string   // the ID of the last log event that was published for some streams
	given     event.ID // the newest position that what was pushed carries as its ID
	// newest is the log's newest event when a client came that had none of the log; it
	// begins to read behind it. Zero for a client that brought an ID.
	newest event.ID
}

// pending is the state of a stream that no backend has accepted yet.
type pending struct {
	lastEventID string   // the client has got everything up to here
	from        event.ID // the log's newest when the stream was attached
	had         event.ID // the client has got, or will be sent, what is up to here, if that is known
	positioned  bool     // the backend has said from where the stream reads
}

// begin records what the client of a new stream has got.
func (s *Stream) begin(lastEventID string) {
	g := s.gateway
	if lastEventID == "" {
		s.newest = g.newest
	}
	s.pending = &pending{lastEventID: lastEventID, from: g.newest, had: g.newest}
	if id, err := event.ParseID(lastEventID); err == nil {
		s.pending.had = id
		g.recordAhead(s, id)
	}
}

// Detached implements sse.Attachment.
func (s *Stream) Detached() { delete(s.gateway.ahead, s) }

// LeaveOutLog says that the stream, which is pending, gets nothing that is published for
// all but control events: neither what was nor what will be.
func (s *Stream) LeaveOutLog() {
	if l, err := s.gateway.engine.Lock(); err == nil { // otherwise the engine has ended it
		defer l.Unlock()
		l.LeaveOutLog(s.Stream)
	}
}

// Open says that the stream was accepted: it continues with the log after the client's
// last event, unless the backend has set another position. What was pushed before is
// newer, and still goes out before the log. Adopt or Serve the stream then.
func (s *Stream) Open() {
	l, err := s.gateway.engine.Lock()
	if err != nil {
		return // the engine has ended it
	}
	defer l.Unlock()
	p := s.pending
	s.pending = nil
	if _, end, known := l.Find(p.lastEventID); known && !p.positioned {
		l.ContinueAt(s.Stream, end, sse.PreludeFrames)
	}
}

// schedule decides at which position f, pushed to the stream, is sent, and with which
// ID: after all that was published, unless the stream is pending, and not with an ID
// older than the client's position at that point. It reports whether f must not be
// sent, because the client has it, gets it from the log, or has been sent a later one.
func (s *Stream) schedule(l sse.Locked, f Frame) (p sse.PrivateFrame, repeated bool) {
	if s.repeats(l, f) {
		return sse.PrivateFrame{}, true
	}
	if f.name == stream.NameReset {
		delete(s.gateway.ahead, s) // the client begins anew
	}
	if s.pending != nil {
		return s.schedulePending(l, f), false
	}
	p = sse.PrivateFrame{At: l.Head(), Body: f.bytes}
	if id, err := event.ParseID(f.id); err == nil {
		s.useCurrentID(l, &p, f, id)
	}
	return p, false
}

// scheduleNamed is schedule for an event that was published for some streams. It has a place
// between those for all, which the stream may have yet to get from the log: so it follows
// all of them, also on a pending stream.
func (s *Stream) scheduleNamed(l sse.Locked, f Frame) (p sse.PrivateFrame, repeated bool) {
	if f.id == "" || f.control() {
		return s.schedule(l, f)
	}
	id, err := event.ParseID(f.id)
	last, _ := event.ParseID(s.lastNamed) // zero for one that is not comparable
	switch {
	case f.id == s.lastNamed, err == nil && before(id, last):
		return p, true
	case err == nil && s.pending != nil && id.Epoch == s.pending.had.Epoch && id.Seq <= s.pending.had.Seq:
		return p, true // its client has it
	}
	s.lastNamed = f.id
	p = sse.PrivateFrame{At: l.Head(), Body: f.bytes}
	if err == nil {
		s.useCurrentID(l, &p, f, id)
		if s.pending != nil {
			s.pending.had = id
		}
	}
	return p, false
}

// repeats reports whether f is a log event that comes too late for s, or the
// reset that s was sent last. An open stream gets log events by the log only.
func (s *Stream) repeats(l sse.Locked, f Frame) bool {
	if f.name == stream.NameReset && f.id != "" {
		last := s.lastReset
		s.lastReset = f.id
		return last == f.id
	}
	logged, _, known := l.Find(f.id)
	if f.control() || !f.replay && (!known || !bytes.Equal(logged, f.bytes)) {
		return false
	}
	last := s.lastEvent
	s.lastEvent = f.id
	id, err := event.ParseID(f.id)
	switch isPosition := err == nil; {
	case isPosition && id == s.newest && last != f.id:
		// A new client's state can look like the newest log event: the current version, if
		// its announcement was the last thing that happened. The client has not got that one.
		return false
	case s.pending == nil:
		return true
	default:
		return isPosition && id.Epoch == s.pending.had.Epoch && id.Seq <= s.pending.had.Seq
	}
}

// schedulePending is schedule for a pending stream: pushed events are sent before
// the log, in order. If f is in the log too, because the backend repeats what the client
// missed, or f is a stream_reset with the position from which the client reads now, the
// log continues after that position; and if f has the ID of an event that the stream has
// yet to get, f is sent after that.
func (s *Stream) schedulePending(l sse.Locked, f Frame) sse.PrivateFrame {
	g, reset := s.gateway, f.name == stream.NameReset
	p := sse.PrivateFrame{At: l.LastQueued(s.Stream), Body: f.bytes}
	logged, end, known := l.Find(f.id)
	id, _ := event.ParseID(f.id) // zero for one that is not comparable
	older := before(id, s.pending.had)
	placed := known
	if !known && !f.replay {
		end, placed = g.positionAfter(l, id) // it names an event that was for other streams
	}
	if reset {
		older = before(id, s.pending.from)
		s.pending.positioned = true
	}
	switch {
	case known && (reset || bytes.Equal(logged, f.bytes)):
		delete(g.ahead, s)
		l.ContinueAt(s.Stream, end, sse.AllFrames)
		p.At, s.pending.had, s.pending.positioned = end, id, true
	case !known && placed && reset && !older:
		delete(g.ahead, s)
		l.ContinueAt(s.Stream, end, sse.AllFrames)
		p.At, s.pending.had, s.given = end, id, id
	case placed && end.Off > p.At.Off && g.ahead[s].IsZero():
		p.At, s.pending.had, s.given = end, id, id
	case older || known && end.Off < p.At.Off:
		s.useCurrentID(l, &p, f, id)
		if reset {
			l.ContinueAt(s.Stream, p.At, sse.AllFrames)
			s.pending.had = g.newest
		}
	case !id.IsZero():
		s.pending.had, s.given = id, id
		g.recordAhead(s, id)
		if reset {
			p.At = s.startFrom(l, id)
			l.ContinueAt(s.Stream, p.At, sse.AllFrames)
		}
	}
	return p
}

// startFrom returns the position in the log for a client that reads it anew from id,
// which the log does not have: it gets nothing that was published in an earlier epoch.
func (s *Stream) startFrom(l sse.Locked, id event.ID) log.Position {
	g := s.gateway
	at := l.Begin(s.Stream)
	switch {
	case !before(id, g.newest):
		return l.Head()
	case g.began.Off > at.Off:
		return g.began
	}
	return at
}

// useCurrentID keeps IDs from going back: if the ID of f, encoded as p, is older than the
// stream's current one, p gets the current one and is queued after all that was
// published.
func (s *Stream) useCurrentID(l sse.Locked, p *sse.PrivateFrame, f Frame, id event.ID) {
	current := id
	for _, place := range []event.ID{s.gateway.newest, s.gateway.ahead[s], s.given} {
		if before(current, place) {
			current = place
		}
	}
	if s.given = current; current != id {
		p.At, p.ID, p.Body = l.Head(), wire.AppendID(nil, current), f.withoutID()
	}
}
