package versions

import (
	"context"
	"errors"
	"sync"
	"time"

	"heliograph/domain/connection"
)

// atOnce is how long the source may take for its answer to count as known at once.
const atOnce = 25 * time.Millisecond

// over is a context that has already ended.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Observers returns Connected as two observers, between which others may be called:
// the first sends the version if it is known at once, and the second if the first did
// not. So a connection gets its version before what the others send, as clients of the
// predecessor expect, but a source that takes long holds up no other observer.
func (s *Service) Observers() (first, second connection.Observer) {
	sent := new(sync.Map)
	first = observerFunc(func(ctx context.Context, c connection.Connection) error {
		if s.answersAtOnce(ctx) && s.Connected(ctx, c) == nil { // on failure the second one tries again and returns the error
			sent.Store(c.Token, true)
		}
		return nil
	})
	second = observerFunc(func(ctx context.Context, c connection.Connection) error {
		if _, done := sent.LoadAndDelete(c.Token); done {
			return nil
		}
		return s.Connected(ctx, c)
	})
	return first, second
}

type observerFunc func(context.Context, connection.Connection) error

// Connected implements connection.Observer.
func (f observerFunc) Connected(ctx context.Context, c connection.Connection) error { return f(ctx, c) }

// answersAtOnce reports whether Connected need not wait for the source.
func (s *Service) answersAtOnce(ctx context.Context) bool {
	select {
	case <-s.state.restored:
	default:
		return false
	}
	if !s.nodes.Leads() {
		return true
	}
	if s.cfg.CacheTTL < atOnce {
		return false // an answer that comes too late here would not be counted (rule V8)
	}
	// Usually the source was asked a moment ago; then no timer is needed.
	if _, err := s.source.Current(over, s.cfg.CacheTTL); !errors.Is(err, context.Canceled) { //nolint:contextcheck // it is to wait for nothing
		return true
	}
	limited, cancel := context.WithTimeout(ctx, atOnce)
	defer cancel()
	_, _ = s.source.Current(limited, s.cfg.CacheTTL) // Connected asks again, and gets the same
	return limited.Err() == nil
}
