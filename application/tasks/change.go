package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"heliograph/domain/task"
)

// errTransition says that rule T2 has no such transition. Another was faster.
var errTransition = errors.New("the task cannot become that any more")

// errUnchanged says that the record is already as it should be.
var errUnchanged = errors.New("nothing is to be changed")

// byID is a task of which only the ID is known.
func byID(id task.ID) task.Task { return task.Task{ID: id} }

// modify changes a task as it is known and stores it; when somebody else has
// changed it since, it is read and changed anew. It returns what was stored. When
// change fails, so does modify, and nothing is changed; but with errUnchanged it
// returns the record as it is. Errors: those of task.Store and of change,
// errTransition.
func (s *Service) modify(ctx context.Context, known task.Task, change func(*task.Task) error) (task.Task, error) {
	for before := known; ; before = byID(known.ID) {
		if before.Revision == 0 {
			var err error
			if before, err = s.store.Get(ctx, known.ID); err != nil {
				return task.Task{}, err
			}
		}
		after := before
		switch err := change(&after); {
		case errors.Is(err, errUnchanged):
			return before, nil
		case err != nil:
			return task.Task{}, err
		}
		if after.Status != before.Status && !before.Status.CanBecome(after.Status) {
			return task.Task{}, fmt.Errorf("%w: %s is %s, wanted %s", errTransition, before.ID, before.Status, after.Status)
		}
		stored, err := s.store.Update(ctx, after)
		if !errors.Is(err, task.ErrConflict) {
			return stored, err
		}
	}
}

// The shortest and the longest wait before a change that the store did not take
// is tried again.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// pauseAfter is the wait after so many misses before.
func pauseAfter(misses int) time.Duration { return min(minPause<<min(misses, 10), maxPause) }

// insist is modify until the store has taken the change, or refused it for good,
// or ctx ends, or a shutdown leaves no more time. A store that fails may have taken it all the
// same: change must know it again and return errUnchanged. So what follows the
// change follows once. refused is called each time that the store did not take it.
func (s *Service) insist(ctx context.Context, known task.Task, change func(*task.Task) error, refused func()) (task.Task, error) {
	t, err := s.modify(ctx, known, change)
	for misses := 0; err != nil && !decided(err); misses++ {
		refused()
		s.trouble.warn(ctx, "task could not be changed yet", slog.String("task_id", string(known.ID)), slog.Any("error", err))
		select {
		case <-time.After(pauseAfter(misses)):
		case <-ctx.Done():
			return t, err
		case <-s.shutdown.abandon.c:
			return s.modify(ctx, byID(known.ID), change)
		}
		t, err = s.modify(ctx, byID(known.ID), change)
	}
	return t, err
}

// decided reports whether trying the change again is pointless: the task is not
// what it must be for it.
func decided(err error) bool {
	return errors.Is(err, errTransition) || errors.Is(err, task.ErrNotFound) ||
		errors.Is(err, task.ErrLeaseLost) || errors.Is(err, task.ErrNotCancellable) ||
		errors.Is(err, task.ErrTooLarge)
}
