package natspublisher

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/event"
)

const (
	// historyTime bounds one look into the history.
	historyTime = 5 * time.Second
	// historyPause is between two questions to servers that have not got it all yet.
	historyPause = 20 * time.Millisecond
)

// Newest implements event.History.
func (l *Log) Newest(ctx context.Context) (event.ID, error) {
	limited, cancel := context.WithTimeout(ctx, historyTime)
	defer cancel()
	info, err := l.info(limited)
	if err == nil {
		err = natsbroker.CheckLeader(info.Cluster)
	}
	if err != nil {
		return event.ID{}, unavailable(ctx, err)
	}
	return l.id(info.State.LastSeq), nil
}

// After implements event.History.
func (l *Log) After(ctx context.Context, id event.ID, limit int) ([]event.Record, error) {
	if id.Epoch != l.epoch {
		return nil, event.ErrEpoch
	}
	limited, cancel := context.WithTimeout(ctx, historyTime)
	defer cancel()
	info, err := l.info(limited)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	state, deposed := info.State, natsbroker.CheckLeader(info.Cluster)
	switch {
	case id.Seq > state.LastSeq && deposed != nil:
		return nil, unavailable(ctx, deposed)
	case id.Seq > state.LastSeq:
		return nil, fmt.Errorf("%w: the newest is %s", event.ErrInvalidID, l.id(state.LastSeq))
	case id.Seq+1 < state.FirstSeq:
		return nil, event.ErrExpired
	case id.Seq == state.LastSeq:
		return nil, nil
	}
	newest, err := l.newestOf(limited, state)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	if newest < state.LastSeq { // the newest was deleted, or lost with a damaged store
		return nil, event.ErrExpired
	}
	records, err := l.read(limited, id.Seq+1, min(uint64(limit), state.LastSeq-id.Seq)) //nolint:gosec // limit is positive
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	for i, rec := range records {
		if rec.ID.Seq != id.Seq+1+uint64(i) { // it was dropped since, or deleted
			return nil, event.ErrExpired
		}
	}
	return slices.DeleteFunc(records, foreign), nil
}

// foreign reports whether a message of the log was not written by a node.
func foreign(rec event.Record) bool { return rec.Event.Name == "" }

// read returns n records from sequence from on, or those after them if some of
// these are not there. It asks again while a server that lags behind has not
// got them yet.
func (l *Log) read(ctx context.Context, from, n uint64) (records []event.Record, err error) {
	for end := from + n; from < end && err == nil; err = ctx.Err() {
		var more []stored
		if more, err = l.batch(ctx, batchRequest{Seq: from, Batch: end - from}); err != nil {
			return nil, err
		}
		if len(more) == 0 {
			natsbroker.Pause(ctx, historyPause)
			continue
		}
		for _, m := range more {
			records = append(records, m.Record)
		}
		from = more[len(more)-1].ID.Seq + 1
	}
	return records, err
}

// batchRequest asks for messages: at most Batch, and no more once they have MaxBytes in all, of
// which 0 is the server's own bound.
type batchRequest struct {
	Seq      uint64 `json:"seq"`
	Batch    uint64 `json:"batch"`
	MaxBytes int    `json:"max_bytes,omitempty"`
}

// stored is a message of the log. What is foreign has no event.
type stored struct {
	event.Record

	at string // when the server took it, in RFC 3339
}

// batch asks for messages from a sequence on with one request, which any
// server that has the stream answers, with a message for each and one without a
// sequence at the end. Fewer come if a server does not have more.
func (l *Log) batch(ctx context.Context, want batchRequest) (messages []stored, err error) {
	request, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	conn := l.broker.Conn()
	answers, err := conn.SubscribeSync(conn.NewInbox())
	if err != nil {
		return nil, err
	}
	defer func() { _ = answers.Unsubscribe() }() // it can only be closed already
	if err := conn.PublishRequest("$JS.API.DIRECT.GET."+streamName, answers.Subject, request); err != nil {
		return nil, err
	}
	for {
		msg, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		text := msg.Header.Get(jetstream.SequenceHeader)
		if text == "" {
			return messages, nil
		}
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, err
		}
		ev, err := decode(msg.Header, msg.Data)
		if err != nil {
			ev = event.Event{} // foreign
		}
		messages = append(messages, stored{event.Record{ID: l.id(seq), Event: ev}, msg.Header.Get(jetstream.TimeStampHeaer)})
	}
}

// unavailable is err as callers get it: the end of the caller's own time as it is.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", event.ErrUnavailable, err)
}
