package tasks

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/task"
)

// pump starts the one goroutine that stores and then broadcasts the progress of
// an attempt; the pace of both is its own, and no faster than
// Config.ProgressRate. The channel is closed when it is done, which it is soon
// after the sequencer was closed.
func (s *Service) pump(ctx context.Context, a *attempt) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range a.seq.wake {
			begun := time.Now()
			s.progress(ctx, a)
			a.seq.pause(time.Until(begun.Add(s.cfg.progressInterval())))
		}
	}()
	return done
}

// progress stores the newest note and tells of it, if it has news.
func (s *Service) progress(ctx context.Context, a *attempt) {
	n, news := a.seq.take()
	t, err := s.modify(ctx, a.id, func(t *task.Task) error {
		if !a.owns(t) {
			return task.ErrLeaseLost
		}
		t.Progress, t.Seq, t.LeaseUntil = n.progress, n.seq, n.until
		return nil
	})
	if errors.Is(err, task.ErrLeaseLost) {
		a.lost.close()
		return
	}
	if err != nil {
		s.log.ErrorContext(ctx, "task progress could not be recorded", slog.String("task_id", string(a.id)), slog.Any("error", err))
		return
	}
	if news {
		e := newEvent(task.EventProgress, t, n.at)
		e.Data = n.progress
		s.broadcast(ctx, e)
	}
}
