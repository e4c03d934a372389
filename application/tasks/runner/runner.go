// Package runner sees attempts at tasks through, from the beginning to the end.
//
// In the pool the handler runs in a goroutine of its own, so that one which ignores
// its context can be left behind; a worker outside is somewhere else. The attempt's
// sequencer numbers what is reported, and one pump stores it and then broadcasts it.
// So what a snapshot shows is never older than what the log held when it was read, and
// nothing overtakes. One goroutine follows the attempt until what runs the task offers
// its end, or is given up; then the record is made terminal and the last event goes
// out, or the task waits for its next attempt.
package runner

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/task"
)

// Deps is what a Runner needs.
type Deps struct {
	Store   task.Store
	Records *records.Records
	Queue   *scheduler.Queue
	Life    *lifecycle.Lifecycle
	Log     *slog.Logger

	// Timeout is how long an attempt may take, unless its type says (rule T8).
	Timeout time.Duration
	// CancelGrace is how long one may go on after its context ended (rule T7).
	CancelGrace time.Duration
	// ProgressInterval is the time from one progress event of a task to the next, on
	// average; 0 is none.
	ProgressInterval time.Duration
}

// Runner begins attempts, for its Pool or for workers outside, and follows them to their
// end. It is safe for concurrent use.
type Runner struct {
	Deps

	Running *Running
}

// New returns a runner.
func New(d Deps) *Runner { return &Runner{Deps: d, Running: newRunning()} }

// Begin begins the task of e, which is not published yet. The returned context is
// that of what runs it. It is registered first, so that Cancel finds every task whose
// record says running. With an error nothing is left to do for the entry: it waits again, or
// its task is not pending any more.
func (r *Runner) Begin(ctx context.Context, e *scheduler.Entry) (*Attempt, context.Context, error) {
	a, runCtx, _, err := r.begin(ctx, e, func() (task.Task, error) {
		return r.Records.Attempts.Begin(ctx, candidate(e))
	})
	if err != nil {
		r.notBegun(ctx, e, err)
	}
	return a, runCtx, err
}

// BeginNew is Begin for a task that is not recorded yet and takes no place in the queue:
// create records t, which is running, and returns it. Errors: those of create, with what it
// returned.
func (r *Runner) BeginNew(ctx context.Context, t task.Task, create func(task.Task) (task.Task, error)) (*Attempt, context.Context, task.Task, error) {
	e := r.Queue.Adopt(t)
	a, runCtx, recorded, err := r.begin(ctx, e, func() (task.Task, error) { return create(t) })
	if err != nil {
		r.Queue.Done(e)
	}
	return a, runCtx, recorded, err
}

// begin begins the attempt of e, which record records. Errors: those of record, with what it
// returned.
func (r *Runner) begin(ctx context.Context, e *scheduler.Entry, record func() (task.Task, error)) (*Attempt, context.Context, task.Task, error) {
	a, runCtx := newAttempt(ctx, e, 0)
	r.Running.add(a)
	t, err := record()
	if err != nil {
		r.Running.remove(a)
		a.cancel(nil)
		return nil, nil, t, err
	}
	a.equip(t, r.Records.Limits)
	return a, runCtx, t, nil
}

func candidate(e *scheduler.Entry) records.Candidate {
	return records.Candidate{ID: e.ID, Attempt: e.Attempt, Lease: e.Lease, Worker: e.Worker, Used: e.LeaseUsed}
}

// notBegun lets the task wait for a while when the store is to blame, or another attempt is
// to come.
func (r *Runner) notBegun(ctx context.Context, e *scheduler.Entry, err error) {
	switch {
	case errors.Is(err, records.ErrLeaseUsed):
		r.WaitAgain(ctx, e.Next(e.Attempt), 0)
	case errors.Is(err, records.ErrOtherAttempt):
		r.Queue.Done(e)
		r.lookAgain(ctx, e.ID) // news of it did not count while it was taken
	case records.Decided(err): // it was cancelled, and perhaps removed, while it waited
		r.Queue.Done(e)
	default:
		r.Records.Trouble.Warn(ctx, "task could not be begun yet", e.ID, err)
		e.LeaseUsed = true
		e.Misses++
		r.WaitAgain(ctx, e, records.PauseAfter(e.Misses-1))
	}
}

// Continue returns the attempt that this node has taken over, as its record t says.
func (r *Runner) Continue(ctx context.Context, t task.Task) (*Attempt, context.Context) {
	a, runCtx := newAttempt(ctx, r.Queue.Adopt(t), t.OwnerGeneration)
	a.equip(t, r.Records.Limits)
	r.Running.add(a)
	a.TakeUp(&t)
	return a, runCtx
}

// Withdraw ends an attempt that was begun and is not to be followed.
func (r *Runner) Withdraw(a *Attempt) {
	r.Running.remove(a)
	a.Discard()
}

// Follow follows the attempt of a worker outside in a goroutine, until its task has
// ended or waits again.
func (r *Runner) Follow(ctx, runCtx context.Context, a *Attempt) {
	r.Life.Go(func() {
		defer a.Discard()
		t, _ := r.follow(ctx, runCtx, a)
		r.settle(ctx, a, t)
	})
}

// settle is Settle for an attempt that was followed here.
func (r *Runner) settle(ctx context.Context, a *Attempt, t task.Task) {
	r.Settle(ctx, a.Entry, t)
	if t.Status == "" { // another node may have had it wait again before it was forgotten here
		r.lookAgain(ctx, a.ID)
	}
}

// lookAgain takes in what became of a task of a known type. If that fails, the news of the
// next change, or the next look through the store, bring it.
func (r *Runner) lookAgain(ctx context.Context, id task.ID) {
	if t, err := r.Store.Get(ctx, id); err == nil {
		r.OnRecordChanged(t, true)
	}
}

// follow sees the attempt to its end. It returns the record, and why the attempt
// was given up, if it was.
func (r *Runner) follow(ctx, runCtx context.Context, a *Attempt) (task.Task, *giveUp) {
	p := pump{r.Records, a, r.ProgressInterval}
	pumped := p.start(ctx)
	e, gaveUp := r.end(ctx, runCtx, a)
	last, reports := a.close()
	<-pumped
	var t task.Task
	if gaveUp != nil && gaveUp.handedOver {
		r.Running.remove(a)
		a.cancel(gaveUp.cause)
		a.err = task.ErrShuttingDown
	} else {
		t, a.err = r.Records.Ends.End(ctx, records.Conclusion{
			Ending: e, Begun: a.Task, Known: a.newestRecord(), Owner: a.owner, Type: a.Type(), Last: last, Published: a.seq.published(), Reports: reports, Ran: a.ran(),
			Refused: a.refused.Pass, Recorded: func() { r.Running.remove(a) },
		})
	}
	close(a.recorded)
	return t, gaveUp
}

// Settle gives up the place of an attempt that has ended, or lets its task, as its
// record says, wait for the next one.
func (r *Runner) Settle(ctx context.Context, e *scheduler.Entry, t task.Task) {
	if t.Status == task.Pending {
		r.WaitAgain(ctx, e.Next(t.Attempt), pauseBefore(e.Type().Policy, t, false))
	} else {
		r.Queue.Done(e)
	}
}

// WaitAgain lets a taken task wait once more, or cancels it when shutdown has
// begun: it would never be run.
func (r *Runner) WaitAgain(ctx context.Context, e *scheduler.Entry, pause time.Duration) {
	if !r.Queue.Again(e, pause) {
		r.Dismiss(ctx, e)
	}
}

// Dismiss cancels a task that waited when the queue was closed, unless it can wait
// for the next start of the service.
func (r *Runner) Dismiss(ctx context.Context, e *scheduler.Entry) {
	if r.Store.Outlives() {
		return
	}
	if e.LeaseUsed { // its beginning may have been recorded, though no answer came
		if begun, err := r.Records.Attempts.Begin(ctx, candidate(e)); err == nil {
			r.Records.Attempts.UndoBegin(ctx, begun)
		}
	}
	if _, err := r.Cancel(ctx, e.ID); err != nil && !records.Decided(err) {
		r.Log.ErrorContext(ctx, "waiting task could not be cancelled", slog.Any("error", err))
	}
}

// Cancel ends a pending task, and asks a running one to stop (rule T7). Errors: those
// of task.Store, task.ErrNotCancellable.
func (r *Runner) Cancel(ctx context.Context, id task.ID) (task.Task, error) {
	done, err := r.Records.Turns.Take(ctx, id)
	if err != nil {
		return task.Task{}, err
	}
	defer done()
	t, err := r.Records.Ends.RequestCancel(ctx, id)
	if err != nil {
		return task.Task{}, err
	}
	r.OnRecordChanged(t, false) // should it wait or run here
	if t.Status.Terminal() {
		r.Records.Ends.Announce(ctx, t)
	}
	return t, nil
}

// headStart is what the node that took a task on has before the others try to
// begin it: longer than its own way to the store, so that they rarely collide.
const headStart = 25 * time.Millisecond

// OnRecordChanged takes in a change to any task of a known type, by whichever node. It
// may come late and more than once. fresh says that the change happened just now, on
// some node.
func (r *Runner) OnRecordChanged(t task.Task, fresh bool) {
	if t.Status == task.Pending {
		pause := pauseBefore(r.Queue.Type(t.Type).Policy, t, fresh)
		if fresh {
			pause += headStart
		}
		r.Queue.Offer(t, pause)
	} else {
		r.Queue.Remove(t)
	}
	if a := r.Running.Get(t.ID); a != nil {
		a.onRecordChanged(t)
	}
}

// pauseBefore is how long a pending task has to wait for its next attempt: the whole
// delay if its record was made just now (fresh), or else as much of it as is left by this
// node's wall clock, which may be wrong, but never more.
func pauseBefore(policy task.Policy, t task.Task, fresh bool) time.Duration {
	switch delay := t.Delay(policy); {
	case delay <= 0:
		return 0
	case fresh:
		return delay
	default:
		return min(delay, time.Until(t.NotBefore))
	}
}
