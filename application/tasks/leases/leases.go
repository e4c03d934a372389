// Package leases lends tasks to workers outside, and takes their word for them.
package leases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/runner"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Leases implements task.Workers.
type Leases struct {
	store    task.Store
	attempts *records.Attempts
	queue    *scheduler.Queue
	runner   *runner.Runner
	life     *lifecycle.Lifecycle
	renewals renewals
	revoked  atomic.Pointer[func(*access.Principal) bool] // of the last EndRevoked; nil if nothing was revoked

	// moving holds a token while an attempt is taken over: two calls of one worker must
	// not take it from each other.
	moving chan struct{}
}

var _ task.Workers = (*Leases)(nil)

// New returns the leases of what the runner follows.
func New(store task.Store, attempts *records.Attempts, queue *scheduler.Queue, run *runner.Runner, life *lifecycle.Lifecycle) *Leases {
	return &Leases{store: store, attempts: attempts, queue: queue, runner: run, life: life, moving: make(chan struct{}, 1)}
}

// RunOutside reports whether workers outside run tasks of the type.
func (l *Leases) RunOutside(typ string) bool {
	t := l.queue.Type(typ)
	return t != nil && t.Outside
}

// Claim implements task.Workers.
func (l *Leases) Claim(ctx context.Context, types []string, worker string) (task.Claim, error) {
	if !slices.ContainsFunc(types, l.RunOutside) {
		return task.Claim{}, fmt.Errorf("%w: workers outside run none of %.200q", task.ErrUnknownType, types)
	}
	if !l.life.Enter() {
		return task.Claim{}, task.ErrShuttingDown
	}
	defer l.life.Leave()
	wants := func(typ *task.Type) bool { return typ.Outside && slices.Contains(types, typ.Name) }
	for !l.isRevoked(ctx) {
		e, err := l.queue.Next(ctx, wants)
		if ctx.Err() != nil {
			if e != nil { // at the last moment: it would never be run
				l.runner.WaitAgain(l.life.Context(), e, 0) //nolint:contextcheck // it goes on when the caller is gone
			}
			return task.Claim{}, task.ErrNoTask
		}
		if err != nil {
			return task.Claim{}, err
		}
		e.Worker = worker
		if a := l.lend(ctx, l.life.Context(), e); a != nil {
			return task.Claim{Task: a.Task, Lease: a.Lease, Term: a.Term()}, nil
		}
	}
	return task.Claim{}, task.ErrNoTask
}

// lend begins a task for a worker outside and follows it. It returns nil if it
// could not be begun, or the worker is gone (caller has ended, or its credential was
// revoked while it waited): then it waits again. The task goes on with ctx.
func (l *Leases) lend(caller, ctx context.Context, e *scheduler.Entry) *runner.Attempt {
	a, runCtx, err := l.runner.Begin(ctx, e)
	if err != nil {
		return nil
	}
	a.HeldBy(access.FromContext(caller)) // before it is looked whether that is revoked: one of both looks finds the other
	if caller.Err() != nil || l.isRevoked(caller) {
		l.life.Go(func() { l.takeBack(ctx, runCtx, a) })
		return nil
	}
	l.follow(ctx, runCtx, a)
	return a
}

// follow publishes that an attempt has begun and follows it; its worker has a whole term
// to report.
func (l *Leases) follow(ctx, runCtx context.Context, a *runner.Attempt) {
	l.attempts.PublishStartedNow(ctx, a.Task)
	a.Renew() // publishing it may have taken a while
	l.runner.Follow(ctx, runCtx, a)
}

// takeBack lets a task wait again that was begun for a worker which is gone: the
// lease is not known to any worker, and the attempt to no client, so it counts for
// none. A task whose cancellation was asked for meanwhile is cancelled.
func (l *Leases) takeBack(ctx, runCtx context.Context, a *runner.Attempt) {
	switch u := l.attempts.UndoBegin(ctx, a.Task); {
	case u.Stands:
		l.attempts.PublishStartedNow(ctx, a.Task)
		l.runner.Follow(ctx, runCtx, a)
		if u.Cancelled {
			a.Offer(records.Ending{Status: task.Cancelled, At: time.Now(), Forced: true})
		}
	case u.Elsewhere:
		l.runner.Withdraw(a)
		l.queue.Done(a.Entry)
	default:
		l.runner.Withdraw(a)
		l.runner.WaitAgain(ctx, a.Next(a.Attempt), 0)
	}
}

// Progress implements task.Workers.
func (l *Leases) Progress(ctx context.Context, id task.ID, lease task.Lease, u task.Update) (cancelRequested bool, err error) {
	if l.runner.Running.Leased(id, lease) == nil && l.store.Outlives() {
		if cancelRequested, relayed, err := l.attempts.Relay(ctx, id, lease, u, l.RunOutside); relayed || err != nil {
			return cancelRequested, err
		}
	}
	a, err := l.leased(ctx, id, lease)
	if err != nil {
		return false, err
	}
	a.HeldBy(access.FromContext(ctx))
	a.Renew()
	if !a.Report(u) {
		return false, task.ErrLeaseLost
	}
	if a.Stopping() {
		if a.Lost() {
			return false, task.ErrLeaseLost
		}
		return true, nil
	}
	return false, nil
}

// EndRevoked ends the leases of workers outside whose credentials are revoked, as if they
// had reported nothing for too long (rule A18), and returns how many they are. It knows of
// those that have claimed their tasks here, or reported here last.
func (l *Leases) EndRevoked(revoked func(*access.Principal) bool) int {
	l.revoked.Store(&revoked)
	return l.runner.Running.EndHeldBy(revoked)
}

// isRevoked reports whether the credential of a caller was revoked since its request came.
func (l *Leases) isRevoked(ctx context.Context) bool {
	revoked, p := l.revoked.Load(), access.FromContext(ctx)
	return revoked != nil && p != nil && (*revoked)(p)
}

// Complete implements task.Workers.
func (l *Leases) Complete(ctx context.Context, id task.ID, lease task.Lease, result json.RawMessage) error {
	return l.handIn(ctx, id, lease, func(*runner.Attempt) records.Ending { return records.Completed(result) }, task.Completed)
}

// Fail implements task.Workers.
func (l *Leases) Fail(ctx context.Context, id task.ID, lease task.Lease, f task.Failure) error {
	return l.handIn(ctx, id, lease, func(a *runner.Attempt) records.Ending {
		if a.Stopping() {
			return records.Ending{Status: task.Cancelled}
		}
		return records.Failed(f)
	}, task.Failed, task.Cancelled, task.Pending)
}

// Release implements task.Workers.
func (l *Leases) Release(ctx context.Context, id task.ID, lease task.Lease) error {
	return l.handIn(ctx, id, lease, func(*runner.Attempt) records.Ending { return records.Released() }, task.Cancelled)
}

// handIn hands in how a leased task ended, and returns when that is recorded.
// same are the states in which a task that the same lease has ended already says
// nothing else.
func (l *Leases) handIn(ctx context.Context, id task.ID, lease task.Lease, how func(*runner.Attempt) records.Ending, same ...task.Status) error {
	a, err := l.leased(ctx, id, lease)
	if errors.Is(err, task.ErrLeaseLost) {
		return l.handedIn(ctx, id, lease, same)
	}
	if err != nil {
		return err
	}
	e := how(a)
	e.At = time.Now()
	accepted, err := a.HandIn(ctx, e)
	if errors.Is(err, task.ErrUnavailable) {
		return fmt.Errorf("record the end of task %s: %w", id, err)
	}
	if accepted || err != nil {
		return err
	}
	return l.handedIn(ctx, id, lease, same)
}

// handedIn returns nil if the lease has ended its task so before: the answer was
// lost, and the worker asks again.
func (l *Leases) handedIn(ctx context.Context, id task.ID, lease task.Lease, same []task.Status) error {
	t, err := l.store.Get(ctx, id)
	switch {
	case err != nil:
		return err
	case t.Lease == lease && slices.Contains(same, t.Status):
		return nil
	case t.Lease == lease && t.Status == task.Running && l.RunOutside(t.Type):
		return task.ErrShuttingDown // the lease is good, but another node follows it now
	default:
		return task.ErrLeaseLost
	}
}
