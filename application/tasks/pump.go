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
		misses := 0
		for range a.seq.wake {
			if now := time.Now(); spent.Before(now) {
				spent = now
			}
			if err := s.progress(ctx, a); err != nil {
				s.missed(ctx, a, misses, err)
				misses++
				continue
			}
			misses = 0
			spent = spent.Add(interval)
			a.seq.pause(time.Until(spent.Add(interval - time.Second)))
		}
	}()
	return done
}

// missed lets progress that was not stored wait for a while; or when the attempt
// has ended meanwhile, tries it for the last time.
func (s *Service) missed(ctx context.Context, a *attempt, before int, err error) {
	s.trouble.warn(ctx, "task progress could not be recorded yet", slog.String("task_id", string(a.id)), slog.Any("error", err))
	a.seq.pause(pauseAfter(before))
	if !a.seq.again() {
		_ = s.progress(ctx, a) // what counts now is the end
	}
}

// progress stores the newest note and then tells of it: what is told of is in every
// snapshot (rule T13), and whoever ends the task in another node's place knows how
// far its events have come.
func (s *Service) progress(ctx context.Context, a *attempt) error {
	var n note
	t, err := s.modify(ctx, a.newestRecord(), func(t *task.Task) error {
		if !a.owns(t) {
			return task.ErrLeaseLost
		}
		a.takeUp(t)
		n = a.seq.take()
		t.Progress, t.Seq, t.Ran, t.Relayed = n.progress, n.seq, a.ran(), nil
		return nil
	})
	if errors.Is(err, task.ErrLeaseLost) {
		a.lost.close()
		return nil
	}
	if err != nil {
		return err
	}
	a.record = t
	e := newEvent(task.EventProgress, t, n.at)
	e.Data = n.progress
	s.broadcast(ctx, e)
	return nil
}
