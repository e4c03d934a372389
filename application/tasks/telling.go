package tasks

import (
	"context"
	"errors"
	"log/slog"

	"heliograph/domain/task"
)

// owe marks a task that has just ended: should this node not come to tell of it,
// another will. A store that dies with the process needs no such mark.
func (s *Service) owe(t *task.Task) {
	if s.store.Outlives() {
		t.FinalEventPending, t.Node = true, s.nodes.Self()
	}
}

// tell sends the last event of a task. What could not be sent stays marked, and is
// tried again; the broker takes each event once (event.Event.Order). It reports
// whether the broker took it, or never will.
func (s *Service) tell(ctx context.Context, t task.Task) (done bool) {
	if done = s.broadcast(ctx, endEvent(t)); done && t.FinalEventPending {
		s.told(ctx, t)
	}
	return done
}

// told takes the mark away.
func (s *Service) told(ctx context.Context, t task.Task) {
	_, err := s.modify(ctx, t, func(t *task.Task) error {
		if !t.FinalEventPending {
			return errUnchanged
		}
		t.FinalEventPending, t.Node = false, ""
		return nil
	})
	if err != nil && !errors.Is(err, task.ErrNotFound) {
		s.log.WarnContext(ctx, "task could not be marked as told of, it will be told of again",
			slog.String("task_id", string(t.ID)), slog.Any("error", err))
	}
}
