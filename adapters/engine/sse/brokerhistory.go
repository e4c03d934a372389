package sse

import (
	"context"
	"time"

	"heliograph/domain/event"
)

const (
	// pageEvents is how many events are asked for at a time.
	pageEvents = 64
	// askTime bounds one request: servers that are electing a leader may never answer it,
	// and a new request is then answered sooner.
	askTime = time.Second
)

// brokerHistory reads the events that the broker holds beyond this engine's log. One stream at
// a time asks, so that ten thousand answers at once load neither the broker nor this
// process's memory; the streams that wait use the answer too.
type brokerHistory struct {
	broker event.History // nil: only the log has events
	turn   chan struct{} // full while a stream asks

	newest uint64    // the broker has this event; owned by the stream that has the turn
	asked  time.Time // when it was asked for; likewise
	failed error     // how that ended; likewise
}

func newBrokerHistory(broker event.History) brokerHistory {
	return brokerHistory{broker: broker, turn: make(chan struct{}, 1)}
}

// has reports whether the broker has event id, as of some time after the call.
// Errors: those of event.History.
func (h *brokerHistory) has(ctx context.Context, id event.ID) (bool, error) {
	begun := time.Now()
	if err := h.begin(ctx); err != nil {
		return false, err
	}
	defer h.end()
	if id.Seq > h.newest && !h.asked.After(begun) {
		h.asked = time.Now()
		limited, cancel := context.WithTimeout(ctx, askTime)
		newest, err := h.broker.Newest(limited)
		cancel()
		h.newest, h.failed = max(h.newest, newest.Seq), err
	}
	if id.Seq <= h.newest {
		return true, nil
	}
	return false, h.failed
}

// after returns some of what follows id, oldest first. Errors: those of
// event.History.
func (h *brokerHistory) after(ctx context.Context, id event.ID) ([]event.Record, error) {
	if err := h.begin(ctx); err != nil {
		return nil, err
	}
	defer h.end()
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return h.broker.After(limited, id, pageEvents)
}

func (h *brokerHistory) begin(ctx context.Context) error {
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *brokerHistory) end() { <-h.turn }
