package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/runner"
	"heliograph/domain/task"
)

// cancelTogether is how many tasks cancelAll cancels at the same time: a durable store
// takes a few milliseconds for each, however many it is given.
const cancelTogether = 32

// canceller cancels tasks, one or many. It is safe for concurrent use.
type canceller struct {
	store  task.Store
	runner *runner.Runner
	life   *lifecycle.Lifecycle
	bulk   chan struct{} // holds a token while cancelAll works
}

func newCanceller(store task.Store, run *runner.Runner, life *lifecycle.Lifecycle) *canceller {
	return &canceller{store: store, runner: run, life: life, bulk: make(chan struct{}, 1)}
}

// cancel is Service.Cancel, which goes on when the caller has gone.
func (c *canceller) cancel(_ context.Context, id task.ID) (task.Task, error) {
	t, err := c.runner.Cancel(c.life.Context(), id) //nolint:contextcheck // see above
	if err != nil {
		return task.Task{}, fmt.Errorf("cancel task %s: %w", id, err)
	}
	return t, nil
}

// cancelAll is Service.CancelAll.
func (c *canceller) cancelAll(ctx context.Context, q task.Query) (cancelled int, err error) {
	if !q.Filters() {
		return 0, task.ErrNoFilter
	}
	select {
	case c.bulk <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-c.bulk }()
	q.Unfinished, q.Limit, q.Cursor = true, cancelTogether, ""
	for {
		n, next, err := c.cancelPage(c.life.Context(), q) //nolint:contextcheck // once begun it goes on without the caller
		cancelled += n
		if err != nil {
			return cancelled, fmt.Errorf("cancel tasks, of which %d are: %w", cancelled, err)
		}
		if next == "" {
			return cancelled, nil
		}
		q.Cursor = next // newer tasks come before it, so this ends
	}
}

// cancelPage cancels the tasks of one page, and returns how many it has and the next.
func (c *canceller) cancelPage(ctx context.Context, q task.Query) (cancelled int, next string, err error) {
	page, next, err := c.store.List(ctx, q)
	if err != nil {
		return 0, "", err
	}
	errs := make([]error, len(page))
	var all sync.WaitGroup
	for i, t := range page {
		all.Go(func() { _, errs[i] = c.cancel(ctx, t.ID) })
	}
	all.Wait()
	for i, err := range errs {
		switch {
		case err == nil:
			cancelled++
		case errors.Is(err, task.ErrNotFound), errors.Is(err, task.ErrNotCancellable):
			errs[i] = nil // it ended meanwhile
		}
	}
	return cancelled, next, errors.Join(errs...)
}
