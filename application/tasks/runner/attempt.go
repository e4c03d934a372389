package runner

import (
	"context"
	"sync/atomic"
	"time"

	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Attempt is one attempt at a task, by a handler in the pool or by a worker
// outside: from its beginning to the end of the task, or to the next attempt.
type Attempt struct {
	*scheduler.Entry
	Task  task.Task         // as it was when it began, or was taken over
	owner records.Ownership // never changes
	// record is as it was last seen or stored; the pump's while there is one.
	record   task.Task
	seq      *sequencer
	cancel   context.CancelCauseFunc
	stopping <-chan struct{} // closed when it is to stop
	silence  *time.Timer     // fires when the lease is lost; nil in the pool
	started  time.Time       // when this node began it, or took it over
	before   time.Duration   // how long it had run then
	reports  reports
	holder   atomic.Pointer[access.Principal] // of the worker outside that reported here last; nil is unknown
	revoked  lifecycle.Latch                  // its credential was
	lost     lifecycle.Latch                  // another node owns the task now, or may
	since    atomic.Uint64                    // the revision from which on the record should name it; 0 before
	stopSeen atomic.Bool                      // its record says that it was asked to stop

	// offers takes from what runs the task how it ended: what is received counts.
	offers chan records.Ending
	over   chan struct{} // closed when nothing is received any more
	// recorded is closed when the end is in the record, or err says why not.
	recorded chan struct{}
	err      error
	// refused passes when the store did not take the end. It is tried again.
	refused lifecycle.Latch
}

// newAttempt returns an attempt that was not begun, and the context of what will run
// it, made of ctx.
func newAttempt(ctx context.Context, e *scheduler.Entry, generation uint64) (*Attempt, context.Context) {
	runCtx, cancel := context.WithCancelCause(ctx)
	return &Attempt{
		Entry: e, owner: records.Ownership{Lease: e.Lease, Generation: generation}, cancel: cancel, stopping: runCtx.Done(), lost: lifecycle.NewLatch(), revoked: lifecycle.NewLatch(), started: time.Now(),
		offers: make(chan records.Ending), over: make(chan struct{}), recorded: make(chan struct{}), refused: lifecycle.NewLatch(),
	}, runCtx
}

// equip gives an attempt what it needs to go on from its record.
func (a *Attempt) equip(t task.Task, limits records.Limits) {
	a.Task, a.record, a.before = t, t, t.Ran
	a.seq = newSequencer(t, limits)
	if a.Type().Outside {
		a.silence = time.NewTimer(a.Term())
	}
	a.since.Store(t.Revision)
	if t.CancelRequested || a.stopSeen.Load() { // while it was begun
		a.cancel(task.ErrCancelled)
		a.seq.requestStop()
	}
}

// ran is how long the attempt has run, here and on other nodes, each by its own
// clock.
func (a *Attempt) ran() time.Duration { return a.before + time.Since(a.started) }

// Lost reports whether another node owns the task now, or may.
func (a *Attempt) Lost() bool { return a.lost.Passed() }

// Stopping reports whether what runs the attempt is to stop.
func (a *Attempt) Stopping() bool {
	select {
	case <-a.stopping:
		return true
	default:
		return false
	}
}

// Report takes progress of a worker outside. It reports false when the attempt has
// ended.
func (a *Attempt) Report(u task.Update) bool { return a.seq.report(u) }

// HeldBy notes which principal the worker outside has; nil, without authentication,
// changes nothing.
func (a *Attempt) HeldBy(p *access.Principal) {
	if p != nil {
		a.holder.Store(p)
	}
}

// onRecordChanged does what a change of its record means for an attempt. What is older
// than its beginning means nothing.
func (a *Attempt) onRecordChanged(t task.Task) {
	begun := a.since.Load()
	switch {
	case a.owner.Of(&t):
		if begun != 0 && t.Status == task.Running && t.Reports > 0 {
			a.TakeUp(&t)
		}
		if t.CancelRequested {
			a.cancel(task.ErrCancelled)
			a.stopSeen.Store(true) // before it is looked whether it was begun: one of both looks finds the other
			if a.since.Load() != 0 {
				a.seq.requestStop()
			}
		}
	case begun != 0 && t.Revision > begun:
		a.lost.Pass()
	}
}

// Offer says how the attempt ended, unless nothing is received any more.
func (a *Attempt) Offer(e records.Ending) {
	select {
	case a.offers <- e:
	case <-a.over:
	}
}

// HandIn offers how the attempt ended, and returns when an end is recorded: false if
// it is another one. Errors: what kept it from being recorded, task.ErrUnavailable
// while the store does not take it, ctx.Err().
func (a *Attempt) HandIn(ctx context.Context, e records.Ending) (accepted bool, err error) {
	select {
	case a.offers <- e:
		accepted = true
	case <-a.over:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case <-a.recorded:
	case <-a.refused.C: // it will be recorded; the worker asks again
		return false, task.ErrUnavailable
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if !accepted {
		return false, nil
	}
	return true, a.err
}

// close ends the reporting. It returns the number of the last event, and how many
// reports in the record were taken up.
func (a *Attempt) close() (last, reports uint64) {
	close(a.over)
	a.reports.mu.Lock()
	defer a.reports.mu.Unlock()
	return a.seq.close(), a.reports.taken
}

// Discard ends an attempt that was not followed.
func (a *Attempt) Discard() {
	a.cancel(nil)
	if a.silence != nil {
		a.silence.Stop()
	}
}
