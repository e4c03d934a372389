package tasks

import (
	"context"
	"sync"
	"time"

	"heliograph/domain/task"
)

// signs is when an attempt's worker gave its last sign, and what it said to nodes
// that do not see to it, as far as it was taken up here. It is safe for concurrent
// use.
type signs struct {
	mu     sync.Mutex
	last   time.Time // guarded by mu
	taken  uint64    // the newest of Task.Signs that was taken up; guarded by mu
	record task.Task // the newest that is known of; guarded by mu
}

// signed renews the lease of an attempt: its worker gave a sign.
func (a *attempt) signed() {
	a.signs.mu.Lock()
	defer a.signs.mu.Unlock()
	a.renewLocked()
}

func (a *attempt) renewLocked() {
	a.signs.last = time.Now()
	a.silence.Reset(a.term())
}

// takeUp has what t tells of the worker count: it is a sign, and reports what it
// says there. What was taken up before counts no more.
func (a *attempt) takeUp(t *task.Task) {
	s := &a.signs
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Revision > s.record.Revision {
		s.record = *t
	}
	if t.Signs <= s.taken {
		return
	}
	for _, r := range t.Relayed {
		if r.Sign > s.taken {
			a.seq.report(r.Update)
		}
	}
	s.taken = t.Signs
	a.renewLocked()
}

// takeUpRest puts what came too late for the attempt's last progress into the record
// that is about to become terminal.
func (a *attempt) takeUpRest(t *task.Task) {
	s := &a.signs
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range t.Relayed {
		if r.Sign > s.taken {
			t.Progress = t.Progress.With(r.Update.Usable())
		}
	}
	t.Relayed = nil
}

// newestRecord returns the attempt's record as it was last stored here or heard of.
func (a *attempt) newestRecord() task.Task {
	s := &a.signs
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.record.Revision > a.record.Revision {
		return s.record
	}
	return a.record
}

// renewed reports whether the worker of an attempt has given a sign all the same when
// its lease seems to have run out: a moment ago, or to another node, of which no news
// has come here yet.
func (s *Service) renewed(ctx context.Context, a *attempt) bool {
	if s.store.Outlives() {
		if t, err := s.store.Get(ctx, a.id); err == nil && t.Status == task.Running && a.owns(&t) {
			a.takeUp(&t)
		}
	}
	a.signs.mu.Lock()
	defer a.signs.mu.Unlock()
	return time.Since(a.signs.last) < a.term()
}

// relay records a worker's sign for the node that sees to its task and is alive. It
// reports false if there is none: then this node takes over. Errors: those of
// task.Store, task.ErrLeaseLost.
func (s *Service) relay(ctx context.Context, id task.ID, lease task.Lease, u task.Update) (cancelRequested, relayed bool, err error) {
	t, err := s.modify(ctx, byID(id), func(t *task.Task) error {
		switch {
		case t.Status != task.Running || t.Lease != lease || !s.runOutside(t.Type):
			return task.ErrLeaseLost
		case t.Node == s.nodes.Self() || !s.nodes.Alive(t.Node):
			return errUnchanged
		}
		t.Ran = s.ranBy(t)
		*t = t.WithSign(s.limits.cutUpdate(u.Usable()))
		relayed = true
		return nil
	})
	return t.CancelRequested, relayed, err
}

// ranBy returns how long the attempt of a stored task has run by now: what one node
// has measured, and the age of that by the store's clock.
func (s *Service) ranBy(t *task.Task) time.Duration { return t.Ran + s.store.Age(*t) }
