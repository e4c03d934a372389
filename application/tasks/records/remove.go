package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// Remove removes a finished task and publishes that, after its final event. In a store
// that outlives the process it is marked first, and readers see it no longer: should
// this node not come to publish the event, or to delete the record, another will.
// Errors: those of task.Store, task.ErrNotFinished, ctx.Err().
func (r *Records) Remove(ctx context.Context, id task.ID) error {
	done, err := r.Turn(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	for {
		t, err := r.store.Get(ctx, id)
		if err == nil {
			err = r.remove(ctx, t)
		}
		if !errors.Is(err, task.ErrConflict) {
			return err
		}
	}
}

func (r *Records) remove(ctx context.Context, t task.Task) error {
	if r.announced(t) { // of which the store is not told yet
		t.FinalEventPending, t.Node = false, ""
	}
	switch {
	case !t.Status.Terminal():
		return task.ErrNotFinished
	case t.FinalEventPending:
		if !r.PublishFinalEvent(ctx, t) {
			return fmt.Errorf("%w: its final event was not published yet", task.ErrUnavailable)
		}
		return task.ErrConflict // and so it is read again
	case !r.store.Outlives():
		t.Seq++
		if err := r.store.Delete(ctx, t); err != nil {
			return err
		}
		r.publishRemoved(ctx, t)
		return nil
	}
	if !t.Removed {
		var err error
		t.Seq, t.Removed, t.Node = t.Seq+1, true, r.nodes.Self()
		if t, err = r.store.Update(ctx, t); err != nil {
			return err
		}
	}
	return r.FinishRemoval(ctx, t)
}

// FinishRemoval publishes that a task which is marked as removed is, and deletes its
// record. Errors: those of task.Store but for task.ErrNotFound.
func (r *Records) FinishRemoval(ctx context.Context, t task.Task) error {
	if !r.publishRemoved(ctx, t) {
		return fmt.Errorf("%w: its removal was not published yet", task.ErrUnavailable)
	}
	if err := r.store.Delete(ctx, t); err != nil && !errors.Is(err, task.ErrNotFound) {
		return err
	}
	return nil
}

// publishRemoved reports whether the broker took the event, or never will.
func (r *Records) publishRemoved(ctx context.Context, t task.Task) (done bool) {
	return r.publisher.publishNow(ctx, newEvent(task.EventRemoved, t, time.Now().UTC()))
}
