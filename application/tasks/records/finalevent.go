package records

import (
	"context"
	"errors"
	"log/slog"

	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// FinalEvents publishes the last events of tasks that have ended, and knows which of
// those that its node is to publish are pending. It is safe for concurrent use.
type FinalEvents struct {
	store       task.Store
	nodes       cluster.Nodes
	log         *slog.Logger
	writer      *writer
	outbox      *outbox
	unpublished *unpublishedEnds
}

// mark marks a task that has just ended: should this node not come to publish its final
// event, another will. A store that dies with the process needs no such mark.
func (f *FinalEvents) mark(t *task.Task) {
	if f.store.Outlives() {
		t.FinalEventPending, t.Node = true, f.nodes.Self()
	}
}

// announce hands the last event of a task over. Once the broker has it, the store is told
// (see unpublishedEnds).
func (f *FinalEvents) announce(ctx context.Context, t task.Task) {
	f.outbox.hand(ctx, outgoing{finalEvent(t), func(done bool) {
		if done {
			f.unpublished.published(t.ID)
		} else {
			f.unpublished.left(t.ID)
		}
	}})
}

// Forget is called with all tasks of which more is to come, now and then: what this
// node could not publish, and another did, holds up no more.
func (f *FinalEvents) Forget(unsettled []task.Task) {
	pending := make(map[task.ID]bool)
	for _, t := range unsettled {
		if t.FinalEventPending {
			pending[t.ID] = true
		}
	}
	f.unpublished.forget(pending)
}

// Announces reports whether this node publishes the final event of t, or has done so.
func (f *FinalEvents) Announces(t task.Task) bool {
	_, left := f.unpublished.holds(t.ID)
	return t.FinalEventPending && t.Node == f.nodes.Self() && !left
}

// announced reports whether this node has published the final event of t.
func (f *FinalEvents) announced(t task.Task) bool {
	held, _ := f.unpublished.holds(t.ID)
	return t.FinalEventPending && t.Node == f.nodes.Self() && !held
}

// Publish sends the last event of a task of which nobody else does, and returns
// when that was tried. What could not be sent stays marked, and is tried again; the
// broker takes each event once (event.Event.Order). It reports whether the broker took
// it, or never will.
func (f *FinalEvents) Publish(ctx context.Context, t task.Task) (done bool) {
	if done = f.outbox.publishNow(ctx, finalEvent(t)); done && t.FinalEventPending {
		f.clearMark(ctx, t)
	}
	if done {
		f.unpublished.published(t.ID)
	}
	return done
}

func (f *FinalEvents) clearMark(ctx context.Context, t task.Task) {
	_, err := f.writer.update(ctx, t, func(t *task.Task) error {
		if !t.FinalEventPending {
			return errUnchanged
		}
		t.FinalEventPending, t.Node = false, ""
		return nil
	})
	if err != nil && !errors.Is(err, task.ErrNotFound) {
		f.log.WarnContext(ctx, "task's final event could not be marked as published, it will be published again",
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
