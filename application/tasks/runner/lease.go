package runner

import (
	"context"
	"sync"
	"time"

	"heliograph/domain/task"
)

// reports is when an attempt's worker reported last, and what it reported to nodes
// that do not own it, as far as it was taken up here. It is safe for concurrent
// use.
type reports struct {
	mu     sync.Mutex
	last   time.Time // guarded by mu
	taken  uint64    // the newest of Task.Reports that was taken up; guarded by mu
	record task.Task // the newest that is known of; guarded by mu
}

// Term is how long a worker outside may go without a report.
func (a *Attempt) Term() time.Duration { return a.Type().Policy.LeaseTerm() }

// Renew renews the lease: the worker has reported.
func (a *Attempt) Renew() {
	a.reports.mu.Lock()
	defer a.reports.mu.Unlock()
	a.renewLocked()
}

func (a *Attempt) renewLocked() {
	a.reports.last = time.Now()
	a.silence.Reset(a.Term())
}

// Sign is the newest sign of the worker of an attempt outside. One that was not followed yet has
// given it when it began.
func (a *Attempt) Sign() task.LeaseSign {
	a.reports.mu.Lock()
	defer a.reports.mu.Unlock()
	last := a.reports.last
	if last.IsZero() {
		last = a.started
	}
	return task.LeaseSign{Last: last, Term: a.Term()}
}

// silent fires when the lease is lost; never for an attempt in the pool.
func (a *Attempt) silent() <-chan time.Time {
	if a.silence == nil {
		return nil
	}
	return a.silence.C
}

// TakeUp takes what the worker has reported to other nodes from the record: it renews the
// lease, and is reported here. What was taken up before counts no more.
func (a *Attempt) TakeUp(t *task.Task) {
	s := &a.reports
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Revision > s.record.Revision {
		s.record = *t
	}
	if t.Reports <= s.taken {
		return
	}
	for _, r := range t.Relayed {
		if r.Number > s.taken {
			a.seq.report(r.Update)
		}
	}
	s.taken = t.Reports
	a.renewLocked()
}

// newestRecord returns the record as it was last stored here or heard of.
func (a *Attempt) newestRecord() task.Task {
	a.reports.mu.Lock()
	defer a.reports.mu.Unlock()
	if a.reports.record.Revision > a.record.Revision {
		return a.reports.record
	}
	return a.record
}

// renewed reports whether the worker of an attempt has reported all the same when
// its lease seems to have run out: a moment ago, or to another node, of which no news
// has come here yet.
func (r *Runner) renewed(ctx context.Context, a *Attempt) bool {
	if r.Store.Outlives() {
		if t, err := r.Store.Get(ctx, a.ID); err == nil && t.Status == task.Running && a.owner.Of(&t) {
			a.TakeUp(&t)
		}
	}
	a.reports.mu.Lock()
	defer a.reports.mu.Unlock()
	return time.Since(a.reports.last) < a.Term()
}
