package versions

import (
	"context"
	"sync"

	"heliograph/domain/connection"
)

// observers implements Service.Observers.
func (g *greeter) observers() (first, second connection.Observer) {
	sent := new(sync.Map)
	first = observerFunc(func(ctx context.Context, c connection.Connection) error {
		if g.lookups.answersAtOnce(ctx) && g.Connected(ctx, c) == nil { // on failure the second one tries again and returns the error
			sent.Store(c.Token, true)
		}
		return nil
	})
	second = observerFunc(func(ctx context.Context, c connection.Connection) error {
		if _, done := sent.LoadAndDelete(c.Token); done {
			return nil
		}
		return g.Connected(ctx, c)
	})
	return first, second
}

type observerFunc func(context.Context, connection.Connection) error

// Connected implements connection.Observer.
func (f observerFunc) Connected(ctx context.Context, c connection.Connection) error { return f(ctx, c) }
