package tasks

import (
	"context"
	"errors"
	"fmt"

	"heliograph/domain/task"
)

// Remove implements task.Service.
func (s *Service) Remove(ctx context.Context, id task.ID) error {
	for {
		t, err := s.store.Get(ctx, id)
		if err == nil && !t.Status.Terminal() {
			err = task.ErrNotFinished
		}
		if err == nil {
			err = s.store.Delete(ctx, t)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, task.ErrConflict) {
			return fmt.Errorf("remove task %s: %w", id, err)
		}
	}
}
