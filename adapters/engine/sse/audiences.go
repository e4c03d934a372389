package sse

import (
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/internal/audience"
	"heliograph/adapters/internal/fates"
	"heliograph/domain/access"
	"heliograph/domain/event"
)

// audiences is what the engine has for events that are for some streams only (rule A12).
// Such an event is not in the log that all streams read. It is queued for the streams in
// its audience, with its place in the order of all events, and kept for those that come
// back. It is guarded by Engine.mu, which its methods need, but for newest and head.
type audiences struct {
	everyone     *log.Log                // for everyone
	historyBytes int                     // of both logs together
	start        uint64                  // sequence of the engine's start
	index        audience.Index[*Stream] // without anonymous streams until there is a log
	log          *audience.Log[targeted] // nil until the first such event
	single       map[*Stream]struct{}    // those that do not read the log for everyone
	newest       atomic.Uint64           // sequence of the newest such event that was queued everywhere
}

// targeted is the encoded form of an event that is for some streams only, which they
// share.
type targeted struct {
	at      log.Position // its place: the end of the log for everyone, and its own sequence
	service event.Service
	name    fates.Word
	frame   []byte
	idBytes int // of frame, the line with the event's ID

	whom *access.Audience // for LogReader, as is what follows
	when time.Time        // it was queued
}

// private returns the event for one stream's queue. Its bytes are not that stream's.
func (t *targeted) private() private {
	return private{at: t.at, id: t.frame[:t.idBytes:t.idBytes], body: t.frame[t.idBytes:], service: t.service, own: true, name: t.name}
}

// historyShare is the part of the history's memory that events for some may take: a half,
// so that neither kind drives out the other.
const historyShare = 2

func newAudiences(cfg Config, everyone *log.Log) audiences {
	return audiences{everyone: everyone, historyBytes: cfg.HistoryBytes, start: cfg.Start.Seq, single: make(map[*Stream]struct{})}
}

// keysOf returns the keys of v that events for some can have.
func keysOf(v access.Viewer) []access.Key {
	return slices.DeleteFunc(v.Keys(), func(k access.Key) bool { return k.Kind == access.KeyOfEveryone })
}

// join makes a new stream one that events are found for, if v has a key. While no such
// event has come, anonymous streams are spared that.
func (a *audiences) join(s *Stream, v access.Viewer) {
	if a.log == nil && !v.All && !v.Single && v.Subject == "" && len(v.Roles) == 0 {
		return
	}
	if s.single {
		a.single[s] = struct{}{}
	}
	if keys := keysOf(v); len(keys) > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.member = &member{keys: keys, place: a.index.Add(s, keys), joined: a.newest.Load()}
	}
}

// leave ends what join began.
func (a *audiences) leave(s *Stream) {
	delete(a.single, s)
	if s.member != nil {
		a.index.Remove(s.member.place)
	}
}

// dropped returns the highest sequence of an event for v that is gone, or may be.
func (a *audiences) dropped(v access.Viewer) uint64 {
	if a.log == nil {
		return a.start
	}
	return a.log.Dropped(keysOf(v))
}

// held returns how many bytes of memory the events take.
func (a *audiences) held() int {
	if a.log == nil {
		return 0
	}
	return a.log.Held()
}

// head returns the end of the log for everyone, with the newest sequence of all events.
func (a *audiences) head() log.Position {
	newest := a.newest.Load() // before the log is read: what is appended between is sent after it
	at := a.everyone.Head()
	at.Seq = max(at.Seq, newest)
	return at
}

// begin makes what only the first event for some needs, for the streams that there are.
func (a *audiences) begin(streams iter.Seq[*Stream]) {
	a.log = audience.NewLog[targeted](a.start, a.historyBytes/historyShare)
	for s := range streams {
		if s.member == nil {
			a.join(s, access.Viewer{RequestID: s.name})
		}
	}
}

// queue queues an event for the streams that have one of the keys, keeps it, and returns how
// many streams there are.
func (a *audiences) queue(keys []access.Key, t targeted, d *delivery) (streams int) {
	seq := t.at.Seq
	t.at = a.everyone.Head()
	t.at.Seq = seq
	p := t.private()
	p.delivery = d
	for s := range a.index.Find(keys) {
		streams++
		s.queueTargeted(p)
	}
	a.log.Append(seq, keys, len(t.frame), t)
	a.everyone.SetLimit(a.historyBytes - a.log.Held())
	a.newest.Store(seq)
	return streams
}

// queueForSingles queues a frame of the log for everyone for the streams that do not read
// that, and returns how many they are.
func (a *audiences) queueForSingles(service event.Service, frame []byte) (streams int) {
	for s := range a.single {
		_ = s.push(private{at: a.head(), body: frame, service: service, begun: time.Now()}) // it may have ended by itself
	}
	return len(a.single)
}
