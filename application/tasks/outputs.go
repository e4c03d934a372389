package tasks

import (
	"context"

	"heliograph/application/tasks/runner"
	"heliograph/domain/task"
)

// Outputs makes what handlers print to.
type Outputs = runner.Outputs

// KeepLease renews the lease of a worker outside that prints, and says whether it is still
// its own. Errors: as task.Workers' Progress.
func (s *Service) KeepLease(ctx context.Context, id task.ID, lease task.Lease) error {
	return s.leases.KeepLease(ctx, id, lease)
}

// removingStore is a task.Store that says which tasks were removed.
type removingStore struct {
	task.Store

	removed func(task.ID)
}

// Delete implements task.Store.
func (s removingStore) Delete(ctx context.Context, t task.Task) error {
	err := s.Store.Delete(ctx, t)
	if err == nil {
		s.removed(t.ID)
	}
	return err
}
