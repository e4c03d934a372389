package leases

import (
	"context"
	"fmt"

	"heliograph/application/tasks/runner"
	"heliograph/domain/task"
)

// leased returns the attempt that a worker outside holds with this lease. If
// another node follows it, this one does from now on: the worker's word comes
// here. Errors: task.ErrNotFound, task.ErrLeaseLost, task.ErrShuttingDown.
func (l *Leases) leased(ctx context.Context, id task.ID, lease task.Lease) (*runner.Attempt, error) {
	if a := l.runner.Running.Leased(id, lease); a != nil {
		return a, nil
	}
	if !l.life.Enter() {
		return nil, l.whileStopping(ctx, id, lease)
	}
	defer l.life.Leave()
	return l.TakeOver(l.life.Context(), id, lease) //nolint:contextcheck // it goes on when the caller is gone
}

// whileStopping is why a lease is not taken over any more.
func (l *Leases) whileStopping(ctx context.Context, id task.ID, lease task.Lease) error {
	t, err := l.store.Get(ctx, id)
	switch {
	case err != nil:
		return err
	case t.Status == task.Running && t.Lease == lease && l.RunOutside(t.Type):
		return task.ErrShuttingDown // the lease is good, and another node will say so
	default:
		return task.ErrLeaseLost
	}
}

// TakeOver makes this node the one that follows a worker outside. It has a whole
// term to report: it is not to blame for the time without a node. Errors: those
// of task.Store, task.ErrLeaseLost.
func (l *Leases) TakeOver(ctx context.Context, id task.ID, lease task.Lease) (*runner.Attempt, error) {
	l.moving <- struct{}{}
	defer func() { <-l.moving }()
	if a := l.runner.Running.Leased(id, lease); a != nil { // another call was faster
		return a, nil
	}
	t, err := l.attempts.TakeOver(ctx, id, lease, l.RunOutside)
	if err != nil {
		return nil, fmt.Errorf("take over task %s: %w", id, err)
	}
	a, runCtx := l.runner.Continue(ctx, t)
	l.runner.Follow(ctx, runCtx, a)
	// What became of the task before it was registered here:
	t, err = l.store.Get(ctx, id)
	if err == nil {
		l.runner.OnRecordChanged(t, false)
	}
	return a, err
}
