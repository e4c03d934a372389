// Package background runs functions in the background, and waits for them when it is
// stopped.
package background

import (
	"context"
	"errors"
	"sync"
)

// errStopped is the cause with which the contexts of functions end.
var errStopped = errors.New("connection manager is stopped")

// Group is a set of running functions. It is safe for concurrent use.
type Group struct {
	pool pool
	life context.Context         //nolint:containedctx // what every function is given; Stop ends it
	end  context.CancelCauseFunc // ends life

	mu      sync.Mutex
	stopped bool // guarded by mu: running only grows while it is false
	running sync.WaitGroup
}

// NewGroup returns an empty Group. It starts nothing.
func NewGroup() *Group {
	life, end := context.WithCancelCause(context.Background())
	return &Group{pool: newPool(life.Done()), life: life, end: end}
}

// Go calls f in another goroutine, and reports whether it does: after Stop it does
// not. The context that f is given ends with Stop.
func (g *Group) Go(f func(ctx context.Context)) (started bool) {
	if !g.enter() {
		return false
	}
	g.pool.call(func() {
		defer g.running.Done()
		f(g.life)
	})
	return true
}

// Run is Go in the goroutine of the caller.
func (g *Group) Run(f func(ctx context.Context)) (ran bool) {
	if !g.enter() {
		return false
	}
	defer g.running.Done()
	f(g.life)
	return true
}

// enter counts one more function. The lock keeps it apart from Stop's waiting: a
// WaitGroup must not grow from zero while it is waited for.
func (g *Group) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.stopped {
		g.running.Add(1)
	}
	return !g.stopped
}

// Stopped returns a channel that Stop closes.
func (g *Group) Stopped() <-chan struct{} { return g.life.Done() }

// Stop ends the context of all functions, lets no other begin, and waits for those that
// run. It may be called twice. Errors: ctx.Err(), when some still run.
func (g *Group) Stop(ctx context.Context) error {
	g.mu.Lock()
	g.stopped = true
	g.end(errStopped)
	g.mu.Unlock()
	done := make(chan struct{})
	go func() { // ends with the last function
		g.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
