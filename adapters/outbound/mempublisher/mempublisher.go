// Package mempublisher implements event.Publisher and event.History in memory:
// the broker of a single node. Its order is that of one mutex, and it lives as
// long as the process, so every start begins a new epoch.
package mempublisher

import (
	"context"
	"fmt"
	"sync"

	"heliograph/domain/event"
)

// Config is what a Publisher needs to know.
type Config struct {
	// Start is the place after which the log begins. Its epoch must be one that no
	// process had before.
	Start event.ID
	// MaxEventBytes bounds an event's payload (rule E8); 0 is no bound.
	MaxEventBytes int
	// HistoryBytes bounds what After can return, roughly in bytes of memory; 0 keeps
	// nothing, for a gateway that has a log of its own.
	HistoryBytes int
}

// Publisher is the broker. It is safe for concurrent use.
type Publisher struct {
	maxBytes int
	receiver event.Receiver

	mu      sync.Mutex
	last    event.ID // guarded by mu, as all below
	closed  bool
	history history
}

var (
	_ event.Publisher = (*Publisher)(nil)
	_ event.History   = (*Publisher)(nil)
)

// New returns a Publisher that hands every event to receiver.
func New(cfg Config, receiver event.Receiver) *Publisher {
	return &Publisher{
		maxBytes: cfg.MaxEventBytes, receiver: receiver, last: cfg.Start, history: history{limit: cfg.HistoryBytes},
	}
}

// Publish implements event.Publisher. The mutex is held while the receiver is
// called, which makes the order; receivers do not block.
func (p *Publisher) Publish(ctx context.Context, ev event.Event) (event.ID, error) {
	if err := ev.Validate(); err != nil {
		return event.ID{}, err
	}
	if p.maxBytes > 0 && len(ev.Data) > p.maxBytes {
		return event.ID{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", event.ErrTooLarge, len(ev.Data), p.maxBytes)
	}
	if err := ctx.Err(); err != nil {
		return event.ID{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return event.ID{}, event.ErrClosed
	}
	p.last.Seq++
	rec := event.Record{ID: p.last, Event: ev}
	p.history.add(rec) // first: a receiver of the event finds it there
	p.receiver.Receive(ctx, rec)
	return p.last, nil
}

// Newest implements event.History.
func (p *Publisher) Newest(ctx context.Context) (event.ID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, ctx.Err()
}

// After implements event.History.
func (p *Publisher) After(ctx context.Context, id event.ID, limit int) ([]event.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case id.Epoch != p.last.Epoch:
		return nil, fmt.Errorf("%w: the log's is %s", event.ErrEpoch, p.last.Epoch)
	case id.Seq > p.last.Seq:
		return nil, fmt.Errorf("%w: the newest event is %s", event.ErrInvalidID, p.last)
	}
	return p.history.last(p.last.Seq-id.Seq, limit)
}

// Close ends publishing: from then on Publish returns event.ErrClosed. It may
// be called twice and never fails.
func (p *Publisher) Close(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}
