package records

import (
	"context"
	"errors"
	"log/slog"

	"heliograph/domain/task"
)

// markFinalEventPending marks a task that has just ended: should this node not come to
// publish its final event, another will. A store that dies with the process needs no
// such mark.
func (r *Records) markFinalEventPending(t *task.Task) {
	if r.store.Outlives() {
		t.FinalEventPending, t.Node = true, r.nodes.Self()
	}
}

// PublishFinalEvent sends the last event of a task. What could not be sent stays
// marked, and is tried again; the broker takes each event once (event.Event.Order). It
// reports whether the broker took it, or never will.
func (r *Records) PublishFinalEvent(ctx context.Context, t task.Task) (done bool) {
	if done = r.publisher.publish(ctx, finalEvent(t)); done && t.FinalEventPending {
		r.clearFinalEventPending(ctx, t)
	}
	return done
}

func (r *Records) clearFinalEventPending(ctx context.Context, t task.Task) {
	_, err := r.update(ctx, t, func(t *task.Task) error {
		if !t.FinalEventPending {
			return errUnchanged
		}
		t.FinalEventPending, t.Node = false, ""
		return nil
	})
	if err != nil && !errors.Is(err, task.ErrNotFound) {
		r.log.WarnContext(ctx, "task's final event could not be marked as published, it will be published again",
			slog.String("task_id", string(t.ID)), slog.Any("error", err))
	}
}

// finalEvent is the last event of a finished task.
func finalEvent(t task.Task) task.Event {
	switch t.Status {
	case task.Completed:
		e := newEvent(task.EventCompleted, t, t.Ended)
		e.Data = t.Result
		return e
	case task.Failed:
		e := newEvent(task.EventFailed, t, t.Ended)
		e.Data = task.Failure{Error: t.Error}
		return e
	default:
		return newEvent(task.EventCancelled, t, t.Ended)
	}
}
