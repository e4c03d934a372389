package sse

import (
	"context"
	"time"

	"heliograph/domain/event"
)

const (
	// pageEvents is how many events are asked for at a time.
	pageEvents = 64
	// askTime bounds one question: servers that choose a leader may never answer it,
	// and another one then comes to an answer sooner.
	askTime = time.Second
)

// past is what the broker holds beyond this engine's log. One stream at a time
// asks, so that neither the broker nor our memory has ten thousand answers to
// bear; what one learns serves those behind it.
type past struct {
	history event.History // nil: the log is all there is
	turn    chan struct{} // full while somebody asks

	newest uint64    // the broker has this event; owned by whoever has the turn
	asked  time.Time // when it was asked for; likewise
	failed error     // how that ended; likewise
}

func newPast(history event.History) past { return past{history: history, turn: make(chan struct{}, 1)} }

// reaches reports whether the broker has event id, as of some time after the call.
// Errors: those of event.History.
func (p *past) reaches(ctx context.Context, id event.ID) (bool, error) {
	begun := time.Now()
	if err := p.begin(ctx); err != nil {
		return false, err
	}
	defer p.end()
	if id.Seq > p.newest && !p.asked.After(begun) {
		p.asked = time.Now()
		limited, cancel := context.WithTimeout(ctx, askTime)
		newest, err := p.history.Newest(limited)
		cancel()
		p.newest, p.failed = max(p.newest, newest.Seq), err
	}
	if id.Seq <= p.newest {
		return true, nil
	}
	return false, p.failed
}

// after returns some of what follows id, oldest first. Errors: those of
// event.History.
func (p *past) after(ctx context.Context, id event.ID) ([]event.Record, error) {
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	defer p.end()
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return p.history.After(limited, id, pageEvents)
}

func (p *past) begin(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *past) end() { <-p.turn }
