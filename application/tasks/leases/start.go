package leases

import (
	"context"
	"errors"

	"heliograph/application/tasks/scheduler"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Start begins a task that is not recorded yet for the caller, which is its worker
// (rule T20), whose name is worker: create records it, running, and returns it. A caller that is gone by then
// may ask again with its Idempotency-Key (LeaseAgain); otherwise its lease is lost in time.
// Errors: those of create, with what it returned.
func (l *Leases) Start(caller context.Context, t task.Task, worker string, create func(task.Task) (task.Task, error)) (task.Task, error) {
	ctx := l.life.Context()
	a, runCtx, recorded, err := l.runner.BeginNew(ctx, l.attempts.BegunByStarter(t, scheduler.NewLease(), worker), create)
	if err != nil {
		return recorded, err
	}
	a.HeldBy(access.FromContext(caller)) // before it is looked whether that is revoked: one of both looks finds the other
	l.follow(ctx, runCtx, a)             //nolint:contextcheck // it goes on when the caller is gone
	if l.isRevoked(caller) {
		l.runner.Running.EndHeldBy(*l.revoked.Load())
	}
	recorded.Term = a.Term()
	return recorded, nil
}

// LeaseAgain returns t with its term if the call that started it has the lease of the
// attempt that runs, and renews that; the answer to the first call was lost. Errors: those
// of Progress, but for what says that the lease is lost.
func (l *Leases) LeaseAgain(ctx context.Context, t task.Task) (task.Task, error) {
	if t.Status != task.Running || !t.LeasedToStarter || !l.RunOutside(t.Type) {
		return t, nil
	}
	_, err := l.Progress(ctx, t.ID, t.Lease, task.Update{})
	switch {
	case errors.Is(err, task.ErrLeaseLost):
		return l.store.Get(ctx, t.ID)
	case err != nil:
		return task.Task{}, err
	}
	t.Term = l.queue.Type(t.Type).Policy.LeaseTerm()
	return t, nil
}
