package natspublisher

import (
	"context"
	"fmt"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/event"
)

var _ event.Log = (*Log)(nil)

// Extent implements event.Log.
func (l *Log) Extent(ctx context.Context) (event.LogExtent, error) {
	limited, cancel := context.WithTimeout(ctx, historyTime)
	defer cancel()
	info, err := l.info(limited)
	if err == nil {
		err = natsbroker.CheckLeader(info.Cluster)
	}
	if err != nil {
		return event.LogExtent{}, unavailable(ctx, err)
	}
	x := event.LogExtent{
		Last: l.id(info.State.LastSeq), Events: int(info.State.Msgs), Bytes: int64(info.State.Bytes), //nolint:gosec // both are bounded
		MaxBytes: max(0, info.Config.MaxBytes), MaxAge: info.Config.MaxAge,
	}
	if info.State.Msgs > 0 {
		x.First, x.Since = l.id(info.State.FirstSeq), info.State.FirstTime.UTC()
	}
	return x, nil
}

// Read implements event.Log.
func (l *Log) Read(ctx context.Context, after event.ID, limit, bytes int) (entries []event.LogEntry, gap bool, err error) {
	limited, cancel := context.WithTimeout(ctx, historyTime)
	defer cancel()
	info, err := l.info(limited)
	if err != nil {
		return nil, false, unavailable(ctx, err)
	}
	state := info.State
	from := after.Seq + 1
	switch {
	case after.IsZero():
		from = state.FirstSeq
	case after.Epoch != l.epoch, from < state.FirstSeq:
		from, gap = state.FirstSeq, true
	case after.Seq > state.LastSeq:
		if deposed := natsbroker.CheckLeader(info.Cluster); deposed != nil {
			return nil, false, unavailable(ctx, deposed)
		}
		return nil, false, fmt.Errorf("%w: the newest is %s", event.ErrInvalidID, l.id(state.LastSeq))
	}
	newest, err := l.newestOf(limited, state)
	reading := reading{next: max(from, 1), anywhere: after.IsZero(), gap: gap}
	for err == nil && reading.next <= newest && len(reading.entries) == 0 {
		err = l.readOn(limited, &reading, limit, bytes)
	}
	if err != nil {
		return nil, false, unavailable(ctx, err)
	}
	return reading.entries, reading.gap, nil
}

// reading is what a Read has come to.
type reading struct {
	next     uint64 // the sequence to read from
	anywhere bool   // whatever is the first one
	entries  []event.LogEntry
	gap      bool
}

// readOn asks once for what comes next. There may be nothing, when what is there is foreign, or
// the server that answers lags behind.
func (l *Log) readOn(ctx context.Context, r *reading, limit, bytes int) error {
	messages, err := l.batch(ctx, batchRequest{Seq: r.next, Batch: uint64(limit), MaxBytes: bytes}) //nolint:gosec // limit is positive
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		natsbroker.Pause(ctx, historyPause)
		return ctx.Err()
	}
	for _, m := range messages {
		size := len(m.Event.Data)
		if bytes -= size; bytes < 0 && len(r.entries) > 0 {
			return nil
		}
		if m.ID.Seq > r.next && !r.anywhere { // it was dropped since, or deleted
			r.gap = true
		}
		r.next, r.anywhere = m.ID.Seq+1, false
		if foreign(m.Record) {
			continue
		}
		at, _ := time.Parse(time.RFC3339, m.at) // zero if there is none
		r.entries = append(r.entries, event.LogEntry{
			ID: m.ID, Name: m.Event.Name, Data: m.Event.Data, Bytes: size, At: at, Audience: m.Event.Audience,
		})
	}
	return nil
}
