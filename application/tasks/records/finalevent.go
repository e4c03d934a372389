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

// announceFinalEvent hands the last event of a task over, and has the mark taken away
// once the broker has it. Until then the task counts as Sending.
func (r *Records) announceFinalEvent(ctx context.Context, t task.Task) {
	r.publisher.hand(ctx, outgoing{finalEvent(t), func(done bool) { //nolint:contextcheck // it goes on when the caller has gone
		if done && t.FinalEventPending {
			r.clearFinalEventPending(r.life.Context(), t)
		}
	}})
}

// Sending reports whether this node still sends events of a task.
func (r *Records) Sending(id task.ID) bool { return r.publisher.has(id) }

// PublishFinalEvent sends the last event of a task of which nobody else does, and returns
// when that was tried. What could not be sent stays marked, and is tried again; the
// broker takes each event once (event.Event.Order). It reports whether the broker took
// it, or never will.
func (r *Records) PublishFinalEvent(ctx context.Context, t task.Task) (done bool) {
	if done = r.publisher.publishNow(ctx, finalEvent(t)); done && t.FinalEventPending {
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
		e.Data = t.Failure()
		return e
	default:
		return newEvent(task.EventCancelled, t, t.Ended)
	}
}
