package natsregistry

import (
	"context"
	"sync"
)

// maxWorkers is how many chores are done at a time: each waits for an answer from
// NATS most of the time.
const maxWorkers = 64

// chores are done in the background, in no order. They are safe for concurrent
// use.
type chores struct {
	ctx     context.Context //nolint:containedctx // theirs: it ends when they are given up
	giveUp  context.CancelFunc
	running sync.WaitGroup // counts chores

	mu      sync.Mutex
	waiting []func(context.Context) // guarded by mu
	workers int                     // guarded by mu
}

func newChores() *chores {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:gosec // finish calls it
	return &chores{ctx: ctx, giveUp: cancel}
}

// add has chore done soon.
func (c *chores) add(chore func(context.Context)) {
	c.running.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, chore)
	if c.workers < maxWorkers {
		c.workers++
		go c.work()
	}
}

// work ends when nothing waits.
func (c *chores) work() {
	for chore := c.next(); chore != nil; chore = c.next() {
		chore(c.ctx)
		c.running.Done()
	}
}

func (c *chores) next() (chore func(context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.waiting = nil
		c.workers--
		return nil
	}
	chore, c.waiting = c.waiting[0], c.waiting[1:]
	return chore
}

// finish waits until all are done. Errors: ctx.Err(); then those that are left
// are given up.
func (c *chores) finish(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.giveUp)()
	c.running.Wait()
	if c.ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}
