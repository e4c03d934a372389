package tasks

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"heliograph/domain/task"
)

const (
	// sweeps is how often the janitor looks per clean-up interval: a task stays at
	// most a tenth longer than it must. So much may also be there above the bounds.
	sweeps = 10
	// sweepPage bounds what one look at the store returns.
	sweepPage = 500
)

// clean removes finished tasks until shutdown begins (rule T9).
func (s *Service) clean(ctx context.Context) {
	ticks := time.NewTicker(max(s.cfg.CleanupInterval/sweeps, time.Millisecond))
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-s.litter.full:
		case <-s.shutdown.begun.c:
			return
		}
		s.sweep(ctx)
	}
}

// sweep removes every task that ended long enough ago, and of what is too much
// those that ended first.
func (s *Service) sweep(ctx context.Context) {
	s.litter.reset()
	now := time.Now()
	finished, err := s.finished(ctx, now)
	if err != nil {
		s.log.WarnContext(ctx, "finished tasks could not be listed", slog.Any("error", err))
		return
	}
	slices.SortFunc(finished, func(a, b task.Task) int { return b.Ended.Compare(a.Ended) })
	size := 0
	for i, t := range finished {
		size += weight(t)
		tooMany := s.cfg.RetentionCount > 0 && i >= s.cfg.RetentionCount
		tooLarge := s.cfg.RetentionBytes > 0 && i > 0 && size > s.cfg.RetentionBytes // the newest stays, however large
		if tooMany || tooLarge || now.Sub(t.Ended) >= s.cfg.CleanupInterval {
			s.discard(ctx, t)
		}
	}
}

// finished returns all tasks that have ended by now.
func (s *Service) finished(ctx context.Context, now time.Time) (all []task.Task, err error) {
	q := task.Query{EndedBefore: now, Limit: sweepPage}
	for {
		page, next, err := s.store.List(ctx, q)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); next == "" {
			return all, nil
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

// weight is what the size of a finished task depends on, in bytes.
func weight(t task.Task) int { return len(t.Params) + len(t.Result) }
