package mempublisher

import (
	"context"
	"fmt"

	"heliograph/domain/event"
)

// Log implements event.Log over the history of a Publisher. It is safe for concurrent use.
type Log struct{ publisher *Publisher }

var _ event.Log = Log{}

// NewLog returns the log of p.
func NewLog(p *Publisher) Log { return Log{p} }

// Extent implements event.Log.
func (l Log) Extent(ctx context.Context) (event.LogExtent, error) {
	l.publisher.mu.Lock()
	defer l.publisher.mu.Unlock()
	h := &l.publisher.history
	x := event.LogExtent{Last: l.publisher.last, Events: len(h.records), Bytes: int64(h.bytes), MaxBytes: int64(h.limit)}
	if len(h.records) > 0 {
		x.First, x.Since = h.records[0].ID, h.times[0]
	}
	return x, ctx.Err()
}

// Read implements event.Log.
func (l Log) Read(ctx context.Context, after event.ID, limit, bytes int) (entries []event.LogEntry, gap bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	l.publisher.mu.Lock()
	defer l.publisher.mu.Unlock()
	h, last := &l.publisher.history, l.publisher.last
	held := uint64(len(h.records))
	missing := held // how many of the newest follow
	switch {
	case after.IsZero():
	case after.Epoch != last.Epoch, last.Seq > after.Seq && last.Seq-after.Seq > held:
		gap = true
	case after.Seq > last.Seq:
		return nil, false, fmt.Errorf("%w: the newest event is %s", event.ErrInvalidID, last)
	default:
		missing = last.Seq - after.Seq
	}
	for i := held - missing; i < held && len(entries) < limit; i++ {
		rec := h.records[i]
		if bytes -= len(rec.Event.Data); bytes < 0 && len(entries) > 0 {
			break
		}
		entries = append(entries, event.LogEntry{
			ID: rec.ID, Name: rec.Event.Name, Data: rec.Event.Data, Bytes: len(rec.Event.Data), At: h.times[i], Audience: rec.Event.Audience,
		})
	}
	return entries, gap, nil
}
