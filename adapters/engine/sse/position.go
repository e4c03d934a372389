package sse

import (
	"bytes"
	"slices"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// The IDs on a stream never go back, or a client that comes back with the last one
// would get again what it has. A backend alone cannot ensure that: when several of its
// nodes push to one gateway, or the gateway was restarted and gets again the events that
// its predecessor had accepted, an event may come late. So the engine compares IDs that
// are positions in one log (event.ID); of others it only knows whether they are equal.

// pending is the state of a stream that no backend has accepted yet.
type pending struct {
	lastEventID string   // the client has got everything up to here
	from        event.ID // the log's newest when the stream was attached
	had         event.ID // the client has got, or will be sent, what is up to here, if that is known
	placed      bool     // the backend has said from where the stream reads
}

// pushed holds what a stream remembers of its backend's pushes, to distinguish a
// repeated event from one that only looks like a log event.
type pushed struct {
	reset string // the ID of the last stream_reset
	given string // the ID of the last log event that was pushed
	// newest is the log's newest event when a client came that had none of the log; it
	// begins to read behind it. Zero for a client that brought an ID.
	newest event.ID
}

// notePlace records what the client of a stream that is pending now has got.
func (s *Stream) notePlace(lastEventID string) {
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	s.pushed = new(pushed)
	if lastEventID == "" {
		s.pushed.newest = e.newest
	}
	s.pending = &pending{lastEventID: lastEventID, from: e.newest, had: e.newest}
	if id, err := event.ParseID(lastEventID); err == nil {
		s.pending.had = id
		e.aheadLocked(s, id)
	}
}

// aheadLocked records that a client has got everything up to id, unless the log has
// reached id already.
func (e *Engine) aheadLocked(s *Stream, id event.ID) {
	if e.newest.IsZero() || before(e.newest, id) {
		e.ahead[s] = id
	}
}

// before reports whether a comes before b in one log.
func before(a, b event.ID) bool { return a.Epoch == b.Epoch && a.Seq < b.Seq }

// openLocked makes the stream continue with the log after the client's last event,
// unless the backend has set another position. Events pushed before stay in the queue:
// they are newer.
func (s *Stream) openLocked() {
	p := s.pending
	s.pending = nil
	if _, end, known := s.engine.log.Find(p.lastEventID); known && !p.placed {
		s.goOn(end, func(p private) bool { return p.own })
	}
}

// passLocked makes the streams that have had f, which is about to be appended, leave it
// out.
func (e *Engine) passLocked(f Frame) {
	id, err := event.ParseID(f.id)
	if err != nil {
		return
	}
	for s, had := range e.ahead {
		if !before(had, id) && had.Epoch == id.Epoch {
			s.skip(e.log.Head(), wire.ChunkSize(len(f.bytes)))
		}
		if !before(id, had) {
			delete(e.ahead, s)
		}
	}
	if id.Epoch != e.newest.Epoch {
		e.began = e.log.Head()
	}
	if !before(id, e.newest) {
		e.newest = id
	}
}

// beginsLocked returns the position in the log for a client that reads it anew from id,
// which the log does not have: it gets nothing that was published in an earlier epoch.
func (e *Engine) beginsLocked(s *Stream, id event.ID) log.Position {
	switch {
	case !before(id, e.newest):
		return e.log.Head()
	case e.began.Off > s.at.Off:
		return e.began
	}
	return s.at
}

// placeLocked decides at which position f, pushed to a stream, is sent, and with which
// ID: after all that was published, unless the stream is pending, and not with an ID
// older than the client's position at that point. It reports whether f must not be
// sent, because the client has it, gets it from the log, or has been sent a later one.
func (s *Stream) placeLocked(f Frame) (p private, repeated bool) {
	e := s.engine
	if s.repeatsLocked(f) {
		return private{}, true
	}
	if f.name == stream.NameReset {
		delete(e.ahead, s) // the client begins anew
	}
	if s.pending != nil {
		return s.placePendingLocked(f), false
	}
	p = private{at: e.log.Head(), body: f.bytes}
	if id, err := event.ParseID(f.id); err == nil {
		s.raiseLocked(&p, f, id)
	}
	return p, false
}

// repeatsLocked reports whether f is a log event that comes too late for s, or the
// reset that s was sent last. An open stream gets log events by the log only.
func (s *Stream) repeatsLocked(f Frame) bool {
	if s.pushed == nil {
		s.pushed = new(pushed)
	}
	if f.name == stream.NameReset && f.id != "" {
		before := s.pushed.reset
		s.pushed.reset = f.id
		return before == f.id
	}
	logged, _, known := s.engine.log.Find(f.id)
	if f.control() || !f.replay && (!known || !bytes.Equal(logged, f.bytes)) {
		return false
	}
	given := s.pushed.given
	s.pushed.given = f.id
	id, err := event.ParseID(f.id)
	switch inLog := err == nil; {
	case inLog && id == s.pushed.newest && given != f.id:
		// A new client's state can look like the newest log event: the current version, if
		// its announcement was the last thing that happened. The client has not got that one.
		return false
	case s.pending == nil:
		return true
	default:
		return inLog && id.Epoch == s.pending.had.Epoch && id.Seq <= s.pending.had.Seq
	}
}

// placePendingLocked is placeLocked for a pending stream: pushed events are sent before
// the log, in order. If f is in the log too, because the backend repeats what the client
// missed, or f is a stream_reset with the position from which the client reads now, the
// log continues after that position; and if f has the ID of an event that the stream has
// yet to get, f is sent after that.
func (s *Stream) placePendingLocked(f Frame) private {
	e, reset := s.engine, f.name == stream.NameReset
	p := private{at: s.lastPlace(), body: f.bytes}
	logged, end, known := e.log.Find(f.id)
	id, _ := event.ParseID(f.id) // zero for one that is not comparable
	older := before(id, s.pending.had)
	if reset {
		older = before(id, s.pending.from)
		s.pending.placed = true
	}
	switch {
	case known && (reset || bytes.Equal(logged, f.bytes)):
		delete(e.ahead, s)
		s.goOn(end, everything)
		p.at, s.pending.had, s.pending.placed = end, id, true
	case known && end.Off > p.at.Off && e.ahead[s].IsZero():
		p.at, s.pending.had = end, id
	case older || known && end.Off < p.at.Off:
		s.raiseLocked(&p, f, id)
		if reset {
			s.goOn(p.at, everything)
			s.pending.had = e.newest
		}
	case !id.IsZero():
		s.pending.had = id
		e.aheadLocked(s, id)
		if reset {
			p.at = e.beginsLocked(s, id)
			s.goOn(p.at, everything)
		}
	}
	return p
}

// raiseLocked keeps IDs from going back: if the ID of f, encoded as p, is older than the
// stream's current one, p gets the current one and is queued after all that was
// published.
func (s *Stream) raiseLocked(p *private, f Frame, id event.ID) {
	e := s.engine
	place := e.newest
	if had := e.ahead[s]; !had.IsZero() {
		place = had
	}
	if before(id, place) {
		p.at, p.id, p.body = e.log.Head(), wire.AppendID(nil, place), f.withoutID()
	}
}

// goOn sets the position in the log at which a stream without a transport continues.
// The chosen ones of the queued events are still sent before that.
func (s *Stream) goOn(place log.Position, choose func(private) bool) {
	s.at = place
	s.offset.Store(place.Off)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		return
	}
	s.queue.private = slices.DeleteFunc(s.queue.private, func(p private) bool { return p.skip > 0 })
	for i, p := range s.queue.private {
		if p.at.Off > place.Off && choose(p) {
			s.queue.private[i].at = place
		}
	}
}

func everything(private) bool { return true }

// lastPlace returns the position at which the last queued event is sent, or else where
// the stream begins. Only for a stream without a transport.
func (s *Stream) lastPlace() log.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil || len(s.queue.private) == 0 {
		return s.at
	}
	if last := s.queue.private[len(s.queue.private)-1].at; last.Off > s.at.Off {
		return last
	}
	return s.at
}

// skip makes the stream leave out the next n bytes of the log, whose head is at.
func (s *Stream) skip(at log.Position, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue == nil {
		s.queue = newQueue()
	}
	if last := len(s.queue.private) - 1; last >= 0 {
		if p := &s.queue.private[last]; p.skip > 0 && p.at.Off+uint64(p.skip) == at.Off {
			p.skip += n
			return
		}
	}
	s.queue.private = append(s.queue.private, private{at: at, skip: n})
}

// leaveOut moves the stream over what it leaves out, and returns the rest of chunk,
// which the log has from the stream's position up to the position to.
func (s *Stream) leaveOut(chunk []byte, to log.Position) []byte {
	for len(s.queue.private) > 0 {
		p := s.queue.private[0]
		after := p.at
		after.Off += uint64(p.skip) //nolint:gosec // the length of frames
		if p.skip == 0 || p.at.Off > s.at.Off || after.Off > to.Off {
			return chunk
		}
		if after.Off > s.at.Off {
			chunk = chunk[after.Off-s.at.Off:]
			s.moveTo(after)
		}
		s.queue.private = s.queue.private[1:]
	}
	s.queue = nil
	return chunk
}
