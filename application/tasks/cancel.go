package tasks

import (
	"context"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// cancelPatience bounds how long Cancel tries to reach the store: its caller
// waits.
const cancelPatience = 5 * time.Second

// Cancel implements task.Service. Cancelling a running task again changes
// nothing more.
func (s *Service) Cancel(ctx context.Context, id task.ID) (task.Task, error) {
	ctx = s.lasting(ctx) // a caller who goes away must not cost others the event
	limited, end := context.WithTimeout(ctx, cancelPatience)
	defer end()
	t, err := s.insist(limited, byID(id), s.requestCancel(), func() {})
	if err != nil {
		return task.Task{}, fmt.Errorf("cancel task %s: %w", id, err)
	}
	if t.Status == task.Running {
		s.changed(t, false) // should it run here
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
		default:
			t.Ran = s.ranBy(t)
		}
		t.CancelRequested = true
		return nil
	}
}
