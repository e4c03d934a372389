package tasks

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/task"
)

const (
	// sweeps is how often the janitor looks per clean-up interval: a task stays at
	// most a tenth longer than it must.
	sweeps = 10
	// sweepPage bounds what one look at the store returns.
	sweepPage = 500
)

// clean removes old finished tasks until shutdown begins (rule T9).
func (s *Service) clean(ctx context.Context) {
	ticks := time.NewTicker(max(s.cfg.CleanupInterval/sweeps, time.Millisecond))
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			s.sweep(ctx, time.Now().Add(-s.cfg.CleanupInterval))
		case <-s.shutdown.begun.c:
			return
		}
	}
}

// sweep removes every task that ended at endedBefore or earlier.
func (s *Service) sweep(ctx context.Context, endedBefore time.Time) {
	q := task.Query{EndedBefore: endedBefore, Limit: sweepPage}
	for {
		page, next, err := s.store.List(ctx, q)
		if err != nil {
			s.log.WarnContext(ctx, "finished tasks could not be listed", slog.Any("error", err))
			return
		}
		for _, t := range page {
			s.discard(ctx, t)
		}
		if next == "" {
			return
		}
		q.Cursor = next
	}
}

func (s *Service) discard(ctx context.Context, t task.Task) {
	err := s.store.Delete(ctx, t)
	if err != nil && !errors.Is(err, task.ErrNotFound) { // somebody else was faster
		s.log.WarnContext(ctx, "finished task could not be removed", slog.String("task_id", string(t.ID)), slog.Any("error", err))
	}
}
