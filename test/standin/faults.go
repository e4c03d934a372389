package standin

import (
	"context"
	"time"
)

// Faults is how the gateway misbehaves towards pushes. The zero value is not at
// all.
type Faults struct {
	// Match limits them to streams whose URL contains it; "" is all of them.
	Match string
	// Hang leaves pushes without answer or effect until the faults change.
	Hang bool
	// Delay passes before a push takes effect.
	Delay time.Duration
	// Status is the answer, without effect, unless it is 0.
	Status int
}

// SetFaults makes the gateway misbehave in this way, and no other, from now on.
func (g *Gateway) SetFaults(f Faults) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = f
	close(g.changed)
	g.changed = make(chan struct{})
}

// suffer returns the faults that concern s once they no longer hold it up.
// Errors: ctx.Err(), when the backend hung up.
func (g *Gateway) suffer(ctx context.Context, s *stream) (Faults, error) {
	for {
		faults, changed := g.faultsOf(s)
		if !faults.Hang {
			return faults, wait(ctx, faults.Delay)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Faults{}, ctx.Err()
		}
	}
}

func (g *Gateway) faultsOf(s *stream) (Faults, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !s.matches(g.faults.Match) {
		return Faults{}, g.changed
	}
	return g.faults, g.changed
}

func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
