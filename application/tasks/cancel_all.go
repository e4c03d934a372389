package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"heliograph/domain/task"
)

// cancelTogether is how many tasks CancelAll cancels at the same time: a durable store
// takes a few milliseconds for each, however many it is given.
const cancelTogether = 32

// CancelAll implements task.Service. Once begun it goes on when the caller has gone, as
// Cancel does, over the tasks that were there at its beginning. One call at a time does
// so, and the next waits.
func (s *Service) CancelAll(ctx context.Context, q task.Query) (cancelled int, err error) {
	if !q.Filters() {
		return 0, task.ErrNoFilter
	}
	select {
	case s.bulk <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-s.bulk }()
	q.Unfinished, q.Limit, q.Cursor = true, cancelTogether, ""
	for {
		n, next, err := s.cancelPage(s.life.Context(), q) //nolint:contextcheck // see above
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
func (s *Service) cancelPage(ctx context.Context, q task.Query) (cancelled int, next string, err error) {
	page, next, err := s.store.List(ctx, q)
	if err != nil {
		return 0, "", err
	}
	errs := make([]error, len(page))
	var all sync.WaitGroup
	for i, t := range page {
		all.Go(func() { _, errs[i] = s.Cancel(ctx, t.ID) })
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
