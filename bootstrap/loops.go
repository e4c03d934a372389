package bootstrap

import (
	"context"
	"fmt"
	"sync"
)

// loops are parts that serve until they are stopped, each in a goroutine.
type loops struct {
	ctx     context.Context //nolint:containedctx // it is what stop cancels, and outlives the start that fx gives a context for
	cancel  context.CancelFunc
	running sync.WaitGroup
	failed  chan<- error
}

// newLoops returns loops that put their failures into failed while there is
// room: the first one is what matters.
func newLoops(failed chan<- error) *loops {
	ctx, cancel := context.WithCancel(context.Background())
	return &loops{ctx: ctx, cancel: cancel, failed: failed}
}

// run serves until stop, or until serve returns.
func (l *loops) run(name string, serve func(context.Context) error) {
	l.running.Go(func() {
		if err := serve(l.ctx); err != nil {
			select {
			case l.failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
		}
	})
}

// await ends all, and returns when they have returned. It may be called again.
func (l *loops) await() {
	l.cancel()
	l.running.Wait()
}

// stop is await for as long as ctx lasts. Errors: ctx.Err(), when some have not
// returned.
func (l *loops) stop(ctx context.Context) error {
	l.cancel()
	ended := make(chan struct{})
	go func() { // ends with the last loop
		l.await()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
