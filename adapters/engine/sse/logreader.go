package sse

import (
	"context"
	"fmt"
	"math"
	"time"

	"heliograph/adapters/internal/audience"
	"heliograph/domain/access"
	"heliograph/domain/event"
)

// LogReader implements event.Log over an engine that has the only log. It is safe for
// concurrent use.
type LogReader struct{ engine *Engine }

var _ event.Log = LogReader{}

// NewLogReader returns the log of e.
func NewLogReader(e *Engine) LogReader { return LogReader{e} }

// everything is what events for any audience are found by.
var everything = access.Viewer{All: true}

// Extent implements event.Log. The log reaches as far back as that of events for everyone
// and that of events for some both do: what only one of them holds would show holes.
func (r LogReader) Extent(ctx context.Context) (event.LogExtent, error) {
	e := r.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	floor := r.floorLocked()
	x := event.LogExtent{
		Last: e.encoder.id(e.audiences.head()), Events: e.log.Count(floor),
		Bytes:    int64(e.log.Head().Off-e.log.Tail().Off) + int64(e.audiences.held()), //nolint:gosec // it is in memory
		MaxBytes: int64(e.cfg.HistoryBytes),
	}
	if e.audiences.log != nil {
		x.Events += e.audiences.log.Len(floor)
	}
	for _, first := range r.entriesLocked(floor, 1, 0) {
		x.First, x.Since = r.id(first.seq), first.at
	}
	return x, ctx.Err()
}

// Read implements event.Log.
func (r LogReader) Read(ctx context.Context, after event.ID, limit, bytes int) (entries []event.LogEntry, gap bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	raw, gap, err := r.read(after, limit, bytes)
	for _, entry := range raw { // without the mutex
		shown := event.LogEntry{ID: r.id(entry.seq), At: entry.at, Audience: entry.whom}
		shown.Name, shown.Data = r.engine.cfg.Format.DecodeEvent(entry.frame)
		shown.Bytes = len(shown.Data)
		if bytes -= shown.Bytes; bytes < 0 && len(entries) > 0 {
			break
		}
		entries = append(entries, shown)
	}
	return entries, gap, err
}

// rawEntry is an event of either log.
type rawEntry struct {
	seq   uint64
	at    time.Time
	frame []byte
	whom  *access.Audience
}

// read returns the frames of what Read returns, or of a little more.
func (r LogReader) read(after event.ID, limit, bytes int) (entries []rawEntry, gap bool, err error) {
	e := r.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	from := r.floorLocked()
	switch newest := e.encoder.id(e.audiences.head()); {
	case after.IsZero():
	case after.Epoch != newest.Epoch, after.Seq < from:
		gap = true
	case after.Seq > newest.Seq:
		return nil, false, fmt.Errorf("%w: the newest event is %s", event.ErrInvalidID, newest)
	default:
		from = after.Seq
	}
	return r.entriesLocked(from, limit, bytes), gap, nil
}

// floorLocked is the sequence after which nothing is missing.
func (r LogReader) floorLocked() uint64 {
	return max(r.engine.log.Tail().Seq, r.engine.audiences.dropped(everything))
}

// entriesLocked returns events of both logs that follow a sequence, in order: at most limit, and
// no more once they have more than bytes in all.
func (r LogReader) entriesLocked(seq uint64, limit, bytes int) (entries []rawEntry) {
	some, last := r.targetedLocked(seq, bytes)
	add := func(entry rawEntry) (more bool) {
		entries = append(entries, entry)
		bytes -= len(entry.frame)
		return len(entries) < limit && bytes >= 0
	}
	addSome := func(before uint64) (more bool) {
		for more = true; more && len(some) > 0 && some[0].Seq < before; some = some[1:] {
			t := some[0].Value
			more = add(rawEntry{seq: some[0].Seq, at: t.when, frame: t.frame, whom: t.whom})
		}
		return more
	}
	for ev := range r.engine.log.Events(seq) {
		if !addSome(ev.Seq) {
			return entries
		}
		if ev.Seq > last || !add(rawEntry{seq: ev.Seq, at: ev.At, frame: ev.Frame}) {
			return entries
		}
	}
	addSome(math.MaxUint64)
	return entries
}

// targetedLocked returns events for some that follow a sequence, of about so many bytes, and up to
// which sequence these are all.
func (r LogReader) targetedLocked(seq uint64, bytes int) (some []*audience.Entry[targeted], last uint64) {
	if r.engine.audiences.log == nil {
		return nil, math.MaxUint64
	}
	some, more := r.engine.audiences.log.Page(everything.Keys(), seq, math.MaxUint64, bytes)
	if more {
		return some, some[len(some)-1].Seq
	}
	return some, math.MaxUint64
}

func (r LogReader) id(seq uint64) event.ID { return event.ID{Epoch: r.engine.encoder.epoch, Seq: seq} }
