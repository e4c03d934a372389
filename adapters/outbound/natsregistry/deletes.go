package natsregistry

import (
	"context"
	"sync"
)

// maxDeletes is how many deletions are under way at a time: each waits for an
// answer from NATS most of the time.
const maxDeletes = 64

// backgroundDeletes runs deletions in the background, in no order. It is safe for
// concurrent use.
type backgroundDeletes struct {
	ctx     context.Context //nolint:containedctx // of the deletions: it ends when they are given up
	giveUp  context.CancelFunc
	running sync.WaitGroup // counts deletions, those that wait too

	mu      sync.Mutex
	waiting []func(context.Context) // guarded by mu
	workers int                     // guarded by mu
}

func newBackgroundDeletes() *backgroundDeletes {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:gosec // finish calls it
	return &backgroundDeletes{ctx: ctx, giveUp: cancel}
}

// add queues a deletion.
func (d *backgroundDeletes) add(deletion func(context.Context)) {
	d.running.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(d.waiting, deletion)
	if d.workers < maxDeletes {
		d.workers++
		go d.work()
	}
}

// work ends when nothing waits.
func (d *backgroundDeletes) work() {
	for deletion := d.next(); deletion != nil; deletion = d.next() {
		deletion(d.ctx)
		d.running.Done()
	}
}

func (d *backgroundDeletes) next() (deletion func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		d.waiting = nil
		d.workers--
		return nil
	}
	deletion, d.waiting = d.waiting[0], d.waiting[1:]
	return deletion
}

// finish waits until all are done. Errors: ctx.Err(); then those that are left
// are given up.
func (d *backgroundDeletes) finish(ctx context.Context) error {
	defer context.AfterFunc(ctx, d.giveUp)()
	d.running.Wait()
	if d.ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}
