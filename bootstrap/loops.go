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
	failed  chan error
}

func newLoops() *loops {
	ctx, cancel := context.WithCancel(context.Background())
	return &loops{ctx: ctx, cancel: cancel, failed: make(chan error, 1)}
}

// run serves until stop, or until serve returns. An error of it goes to failed,
// unless one is there already.
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

// stop returns when all have returned.
func (l *loops) stop() {
	l.cancel()
	l.running.Wait()
}
