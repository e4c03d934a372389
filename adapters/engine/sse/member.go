package sse

import (
	"math"
	"slices"

	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/internal/audience"
	"heliograph/domain/access"
	"heliograph/domain/event"
)

// member is the part of a stream in audiences: nil if it has no keys, or while there are
// no events for some. Stream.member is written with both mutexes held, Engine.mu and
// Stream.mu.
type member struct {
	keys   []access.Key
	place  *audience.Member[*Stream]
	joined uint64 // sequence of the newest event for some when it joined

	// A stream is behind when it resumes, and when more waits for it than may. Then nothing
	// is queued for it by those who publish, but it fetches page after page from the log of
	// its audiences, until it has caught up.
	behind bool   // guarded by Stream.mu
	after  uint64 // while it is behind: its events up to this sequence are written or queued; guarded by Stream.mu
	// missed counts those, of each service, that were published since it joined and that it
	// has yet to fetch; guarded by Stream.mu.
	missed [len(event.Services)]int
}

// pageBytes is how much a stream that is behind fetches at a time, and how much may wait
// for one that is not: what one write takes.
const pageBytes = transport.Gathered

// fetchDue reports whether the next page must be fetched before anything else is
// written. With Stream.mu held.
func (m *member) fetchDue(q *queue) bool {
	return m != nil && m.behind && (q == nil || len(q.private) == 0 || q.private[0].at.Seq > m.after)
}

// limit is the sequence up to which what is queued may be written. With Stream.mu held.
func (m *member) limit() uint64 {
	if m == nil || !m.behind {
		return math.MaxUint64
	}
	return m.after
}

// queueTargeted queues an event for some, unless the stream is behind and will fetch it.
// With Engine.mu held.
func (s *Stream) queueTargeted(p private) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.member
	switch {
	case s.queue != nil && s.queue.final:
		return
	case m.behind, s.verdict != nil:
		m.miss(p.service, 1)
		return
	case s.queue.overForSome(p.size(), min(s.engine.cfg.PrivateBytes, pageBytes)):
		m.behind, m.after = true, p.at.Seq-1
		m.miss(p.service, 1)
		return
	}
	if s.queue == nil {
		s.queue = &queue{} // mostly for this one event
	}
	p.delivery.begin()
	s.queue.add(p)
	if s.writer != nil {
		s.writer.wake(s)
	}
}

// miss counts n more that the stream has to fetch. With Stream.mu held.
func (m *member) miss(service event.Service, n int) {
	m.missed[slices.Index(event.Services[:], service)] += n
}

// fetch queues the next page of what a stream that is behind has missed.
func (e *Engine) fetch(s *Stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counted.replayed.Add(e.audiences.fetch(s))
}

// catchUp makes a new stream, whose client has got everything up to a sequence, fetch
// what followed, and returns how many events it has fetched first.
func (a *audiences) catchUp(s *Stream, after uint64) (events uint64) {
	if s.member == nil || after >= a.newest.Load() {
		return 0
	}
	s.member.behind, s.member.after = true, after // nobody else has the stream yet
	return a.fetch(s)
}

// fetch queues a page, and returns how many events it has. A stream that needs what is
// gone is a slow consumer.
func (a *audiences) fetch(s *Stream) (events uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, kept := s.member, a.log
	if kept.Dropped(m.keys) > m.after {
		s.endLocked(transport.ErrSlowLog)
		return 0
	}
	page, more := kept.Page(m.keys, m.after, s.queue.lastSequence(), pageBytes)
	m.behind = more
	if len(page) == 0 {
		return 0
	}
	m.after = page[len(page)-1].Seq
	for _, entry := range page {
		if entry.Seq > m.joined {
			m.miss(entry.Value.service, -1)
		}
	}
	if s.queue == nil {
		s.queue = newQueue()
	}
	s.queue.merge(page)
	return uint64(len(page))
}
