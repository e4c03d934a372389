package tasks

import (
	"context"
	"log/slog"
	"time"

	"heliograph/domain/task"
)

// The shortest and the longest wait before a change that the store did not take
// is tried again.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// pauseAfter is the wait after so many misses before.
func pauseAfter(misses int) time.Duration { return min(minPause<<min(misses, 10), maxPause) }

// insist is modify until the store has taken the change, or refused it for good,
// or ctx ends, or a shutdown leaves no more time. A store that fails may have taken it all the
// same: change must know it again and return errUnchanged. So what follows the
// change follows once.
func (s *Service) insist(ctx context.Context, known task.Task, change func(*task.Task) error) (task.Task, error) {
	t, err := s.modify(ctx, known, change)
	for misses := 0; err != nil && !decided(err); misses++ {
		if misses == 0 {
			s.log.WarnContext(ctx, "task could not be changed yet", slog.String("task_id", string(known.ID)), slog.Any("error", err))
		}
		select {
		case <-time.After(pauseAfter(misses)):
		case <-ctx.Done():
			return t, err
		case <-s.shutdown.abandon.c:
			return s.modify(ctx, byID(known.ID), change)
		}
		t, err = s.modify(ctx, byID(known.ID), change)
	}
	return t, err
}
