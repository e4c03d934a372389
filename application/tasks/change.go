package tasks

import (
	"context"
	"errors"
	"fmt"
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

// cancelPatience bounds how long Cancel tries to reach the store: its caller
// waits.
const cancelPatience = 5 * time.Second

// Cancel implements task.Service. Cancelling a running task again changes
// nothing more.
func (s *Service) Cancel(ctx context.Context, id task.ID) (task.Task, error) {
	ctx = s.lasting(ctx) // a caller who goes away must not cost others the event
	limited, end := context.WithTimeout(ctx, cancelPatience)
	defer end()
	t, err := s.insist(limited, byID(id), s.requestCancel())
	if err != nil {
		return task.Task{}, fmt.Errorf("cancel task %s: %w", id, err)
	}
	if t.Status == task.Running {
		s.changed(t, 0) // should it run here
		return t, nil
	}
	s.queue.remove(t)
	s.announceEnd(ctx, t)
	return t, nil
}

// requestCancel returns a change that ends a pending task and marks a running one.
// It knows what it did before, should the store's answer have been lost.
func (s *Service) requestCancel() func(*task.Task) error {
	var cancelled ending
	return func(t *task.Task) error {
		switch {
		case cancelled.appliedTo(t):
			return errUnchanged
		case t.Status.Terminal():
			return task.ErrNotCancellable
		case t.Status == task.Pending:
			cancelled = ending{status: task.Cancelled, at: time.Now()}
			cancelled.apply(t, t.Seq)
			s.owe(t)
		}
		t.CancelRequested = true
		return nil
	}
}

// Remove implements task.Service.
func (s *Service) Remove(ctx context.Context, id task.ID) error {
	for {
		t, err := s.store.Get(ctx, id)
		if err == nil && !t.Status.Terminal() {
			err = task.ErrNotFinished
		}
		if err == nil {
			err = s.store.Delete(ctx, t)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, task.ErrConflict) {
			return fmt.Errorf("remove task %s: %w", id, err)
		}
	}
}
