package tasks

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/task"
)

// sweeps is how often the janitor looks in the shortest time for which a task is
// kept: one stays at most a tenth longer than it must. So much may also be there above
// the bounds.
const sweeps = 10

// newRetention returns which finished tasks are kept.
func newRetention(cfg Config, types []task.Type) task.Retention {
	r := task.Retention{Age: cfg.CleanupInterval, AgeOf: make(map[string]time.Duration), Count: cfg.RetentionCount, Bytes: cfg.RetentionBytes}
	for _, typ := range types {
		if typ.Policy.Keep > 0 {
			r.AgeOf[typ.Name] = typ.Policy.Keep
		}
	}
	return r
}

// sweepInterval is the time from one sweep to the next.
func sweepInterval(r task.Retention) time.Duration {
	shortest := r.Age
	for _, age := range r.AgeOf {
		shortest = min(shortest, age)
	}
	return max(shortest/sweeps, time.Millisecond)
}

// clean removes finished tasks until shutdown begins (rule T9).
func (s *Service) clean(ctx context.Context) {
	ticks := time.NewTicker(sweepInterval(s.retention))
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

// sweep removes every finished task that is not to be kept. What it costs depends on
// how many those are.
func (s *Service) sweep(ctx context.Context) {
	s.litter.reset()
	expired, err := s.store.Expired(ctx, s.retention)
	if err != nil {
		s.log.WarnContext(ctx, "finished tasks could not be looked up", slog.Any("error", err))
		return
	}
	for _, t := range expired {
		s.discard(ctx, t)
	}
}

func (s *Service) discard(ctx context.Context, t task.Task) {
	err := s.store.Delete(ctx, t)
	if err != nil && !errors.Is(err, task.ErrNotFound) { // somebody else was faster
		s.log.WarnContext(ctx, "finished task could not be removed", slog.String("task_id", string(t.ID)), slog.Any("error", err))
	}
}
