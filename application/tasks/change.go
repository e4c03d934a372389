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

// modify reads a task, changes it and stores it, again and again until nobody
// else changed it in between, and returns what was stored. When change fails, so
// does modify, and nothing is changed. Errors: those of task.Store and of change,
// errTransition.
func (s *Service) modify(ctx context.Context, id task.ID, change func(*task.Task) error) (task.Task, error) {
	for {
		before, err := s.store.Get(ctx, id)
		if err != nil {
			return task.Task{}, err
		}
		after := before
		if err := change(&after); err != nil {
			return task.Task{}, err
		}
		if after.Status != before.Status && !before.Status.CanBecome(after.Status) {
			return task.Task{}, fmt.Errorf("%w: %s is %s, wanted %s", errTransition, id, before.Status, after.Status)
		}
		stored, err := s.store.Update(ctx, after)
		if !errors.Is(err, task.ErrConflict) {
			return stored, err
		}
	}
}

// Cancel implements task.Service. Cancelling a running task again changes
// nothing more.
func (s *Service) Cancel(ctx context.Context, id task.ID) (task.Task, error) {
	ctx = context.WithoutCancel(ctx) // a caller who goes away must not cost others the event
	t, err := s.modify(ctx, id, requestCancel)
	if err != nil {
		return task.Task{}, fmt.Errorf("cancel task %s: %w", id, err)
	}
	if t.Status == task.Running {
		s.interrupt(id)
		return t, nil
	}
	s.queue.remove(id)
	s.announceEnd(ctx, t)
	return t, nil
}

func requestCancel(t *task.Task) error {
	if t.Status.Terminal() {
		return task.ErrNotCancellable
	}
	t.CancelRequested = true
	if t.Status == task.Pending {
		ending{status: task.Cancelled, at: time.Now()}.apply(t, t.Seq)
	}
	return nil
}

// interrupt cancels the context of a running task. It finds every task whose
// record says running, because a worker registers it before it says so.
func (s *Service) interrupt(id task.ID) {
	s.mu.Lock()
	cancel := s.running[id]
	s.mu.Unlock()
	if cancel != nil { // otherwise it ended since
		cancel(task.ErrCancelled)
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
