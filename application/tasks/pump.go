package tasks

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/task"
)

// pump starts the one goroutine that stores and then broadcasts the progress of
// an attempt; the pace of both is its own, and on average no faster than
// Config.ProgressRate. What a second may have can go out at once, so that a task
// with a few quick steps shows them all. The channel is closed when it is done,
// which it is soon after the sequencer was closed.
func (s *Service) pump(ctx context.Context, a *attempt) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		interval := s.cfg.progressInterval()
		var spent time.Time // until then, at the average pace, all is spent
		for range a.seq.wake {
			if now := time.Now(); spent.Before(now) {
				spent = now
			}
			s.progress(ctx, a)
			spent = spent.Add(interval)
			a.seq.pause(time.Until(spent.Add(interval - time.Second)))
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
