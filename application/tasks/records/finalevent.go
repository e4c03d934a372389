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

// announceFinalEvent hands the last event of a task over. Once the broker has it, the
// store is told (see ends).
func (r *Records) announceFinalEvent(ctx context.Context, t task.Task) {
	r.publisher.hand(ctx, outgoing{finalEvent(t), func(done bool) {
		if done {
			r.ends.published(t.ID)
		} else {
			r.ends.left(t.ID)
		}
	}})
}

// ForgetEnds is called with all tasks of which more is to come, now and then: what this
// node could not publish, and another did, holds up no more.
func (r *Records) ForgetEnds(unsettled []task.Task) {
	pending := make(map[task.ID]bool)
	for _, t := range unsettled {
		pending[t.ID] = t.FinalEventPending
	}
	r.ends.forget(pending)
}

// Announces reports whether this node publishes the final event of t, or has done so.
func (r *Records) Announces(t task.Task) bool {
	_, left := r.ends.holds(t.ID)
	return t.FinalEventPending && t.Node == r.nodes.Self() && !left
}

// announced reports whether this node has published the final event of t.
func (r *Records) announced(t task.Task) bool {
	held, _ := r.ends.holds(t.ID)
	return t.FinalEventPending && t.Node == r.nodes.Self() && !held
}

// PublishFinalEvent sends the last event of a task of which nobody else does, and returns
// when that was tried. What could not be sent stays marked, and is tried again; the
// broker takes each event once (event.Event.Order). It reports whether the broker took
// it, or never will.
func (r *Records) PublishFinalEvent(ctx context.Context, t task.Task) (done bool) {
	if done = r.publisher.publishNow(ctx, finalEvent(t)); done && t.FinalEventPending {
		r.clearFinalEventPending(ctx, t)
	}
	if done {
		r.ends.published(t.ID)
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
