package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// removedTime is how long the broker has to take the event of a removal when nothing is
// left of the task, whether or not the caller still waits: one in memory takes it at once.
const removedTime = 5 * time.Second

// Removals removes finished tasks and publishes that. It is safe for concurrent use.
type Removals struct {
	store       task.Store
	nodes       cluster.Nodes
	turns       *Turns
	outbox      *outbox
	finalEvents *FinalEvents
}

// Remove removes a finished task and publishes that, after its final event. In a store
// that outlives the process it is marked first, and readers see it no longer: should
// this node not come to publish the event, or to delete the record, another will.
// Errors: those of task.Store, task.ErrNotFinished, ctx.Err().
func (r *Removals) Remove(ctx context.Context, id task.ID) error {
	done, err := r.turns.Take(ctx, id)
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

func (r *Removals) remove(ctx context.Context, t task.Task) error {
	if r.finalEvents.announced(t) { // of which the store is not told yet
		t.FinalEventPending, t.Node = false, ""
	}
	switch {
	case !t.Status.Terminal():
		return task.ErrNotFinished
	case t.FinalEventPending:
		if !r.finalEvents.Publish(ctx, t) {
			return fmt.Errorf("%w: its final event was not published yet", task.ErrUnavailable)
		}
		return task.ErrConflict // and so it is read again
	case !r.store.Outlives():
		t.Seq++
		if err := r.store.Delete(ctx, t); err != nil {
			return err
		}
		told, cancel := context.WithTimeout(context.WithoutCancel(ctx), removedTime) // nobody else knows of it
		defer cancel()
		r.publishRemoved(told, t)
		return nil
	}
	if !t.Removed {
		var err error
		t.Seq, t.Removed, t.Node = t.Seq+1, true, r.nodes.Self()
		if t, err = r.store.Update(ctx, t); err != nil {
			return err
		}
	}
	return r.Finish(ctx, t)
}

// Finish publishes that a task which is marked as removed is, and deletes its
// record. Errors: those of task.Store but for task.ErrNotFound.
func (r *Removals) Finish(ctx context.Context, t task.Task) error {
	if !r.publishRemoved(ctx, t) {
		return fmt.Errorf("%w: its removal was not published yet", task.ErrUnavailable)
	}
	if err := r.store.Delete(ctx, t); err != nil && !errors.Is(err, task.ErrNotFound) {
		return err
	}
	return nil
}

// publishRemoved reports whether the broker took the event, or never will.
func (r *Removals) publishRemoved(ctx context.Context, t task.Task) (done bool) {
	return r.outbox.publishNow(ctx, newEvent(task.EventRemoved, t, time.Now().UTC()))
}
