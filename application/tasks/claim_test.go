package tasks_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// beginClaimed starts a task of the type "outside" whose worker is the caller.
func (f *fixture) beginClaimed(key string) task.Claim {
	f.t.Helper()
	t, err := f.Start(f.t.Context(), task.Request{Type: "outside", Key: key, Claim: true})
	if err != nil {
		f.t.Fatalf("start: %v", err)
	}
	return task.Claim{Task: t, Lease: t.Lease, Term: t.Term}
}

func TestTheStarterOfATaskIsItsWorker(t *testing.T) { // T3, T20
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Lease: time.Minute}))
		c := f.beginClaimed("")
		if running, queued := f.Counts(); running != 1 || queued != 0 || c.Term != time.Minute {
			t.Errorf("%d run and %d wait, the claim is %+v", running, queued, c)
		}
		f.report(c, task.Update{Value: new(0.5)}, false, nil)
		pass(time.Second)
		if err := f.completes(c); err != nil {
			t.Error(err)
		}
		if got := f.wantStatus(c.Task.ID, task.Completed); got.Ran != time.Second || got.Attempt != 1 {
			t.Errorf("the record is %+v", got)
		}
		for i, e := range f.wantEvents(c.Task.ID, task.EventStarted, task.EventProgress, task.EventCompleted) {
			if e.Seq != uint64(i+1) || e.Attempt != 1 {
				t.Errorf("%s has the seq %d and the attempt %d", e.Type, e.Seq, e.Attempt)
			}
		}
		f.stop(time.Minute)
		f.wantLawful()
	})
}

func TestAStarterThatIsSilentLosesItsTask(t *testing.T) { // T2, T20
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Lease: time.Minute}))
		c := f.beginClaimed("key")
		pass(time.Minute - 1)
		if again := f.beginClaimed("key"); again.Lease != c.Lease { // asking again is a report
			t.Errorf("started again is %+v", again)
		}
		pass(time.Minute - 1)
		f.wantStatus(c.Task.ID, task.Running)
		pass(1)
		if got := f.wantStatus(c.Task.ID, task.Failed); got.Error != "worker_lost: it did not report for 1m0s" || got.ErrorCode != task.CodeWorkerLost {
			t.Errorf("the error is %q", got.Error)
		}
		if again := f.beginClaimed("key"); again.Term != 0 || again.Task.Status != task.Failed {
			t.Errorf("after the end: %+v", again)
		}
		f.wantLate(c)
	})
}

func TestATaskThatItsStarterRunsCountsInTheConcurrencyOfItsType(t *testing.T) { // T20
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Concurrency: 1}))
		c := f.beginClaimed("")
		f.begin("outside")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := f.Claim(ctx, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
			t.Errorf("claimed %+v, %v", got, err)
		}
		if err := f.completes(c); err != nil {
			t.Error(err)
		}
		if err := f.completes(f.claim()); err != nil {
			t.Error(err)
		}
	})
}

func TestAStarterIsKnownByItsKeyOnEveryNode(t *testing.T) { // T14, T20
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		one.start(outsideType(task.Policy{Attempts: 2}))
		two.start(outsideType(task.Policy{Attempts: 2}))
		c := one.beginClaimed("key")
		synctest.Wait()
		if again := two.beginClaimed("key"); again.Task.ID != c.Task.ID || again.Lease != c.Lease || again.Term != c.Term {
			t.Errorf("on another node it is %+v, want %+v", again, c)
		}
		heal := one.cut()
		if again := two.beginClaimed("key"); again.Lease != c.Lease {
			t.Errorf("when its node is gone it is %+v, want %+v", again, c)
		}
		two.report(c, task.Update{Value: new(0.5)}, false, nil)
		heal()
		pass(30 * time.Second) // the lease is lost
		if again := two.beginClaimed("key"); again.Term != 0 || again.Task.Status != task.Pending || again.Task.Attempt != 2 {
			t.Errorf("when the lease is lost: %+v", again)
		}
		next := two.claim()
		if again := one.beginClaimed("key"); again.Term != 0 || next.Task.Attempt != 2 {
			t.Errorf("another worker has %+v, the starter got %+v", next, again)
		}
		if err := two.completes(next); err != nil {
			t.Error(err)
		}
	})
}

func TestAStartThatTheStoreDoesNotAnswerGivesOneLease(t *testing.T) { // T14, T20
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		f.start(outsideType(task.Policy{}))
		c := f.beginClaimed("key")
		f.stop(time.Minute / 2)
		next := f.restarted() // a service that has no attempt yet knows the key, too
		next.start(outsideType(task.Policy{}))
		again := next.beginClaimed("key")
		if again.Lease != c.Lease || again.Term != c.Term {
			t.Errorf("after a restart it is %+v, want %+v", again, c)
		}
		if err := next.completes(again); err != nil {
			t.Error(err)
		}
		next.wantEvents(c.Task.ID, task.EventStarted, task.EventCompleted)
	})
}

func TestAStarterWhoseCredentialIsRevokedLosesItsTask(t *testing.T) { // A18, T20
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		store := &faultyStore{Store: f.store}
		f.store = store
		f.start(outsideType(task.Policy{}))
		ctx := access.NewContext(t.Context(), &access.Principal{Subject: "key:worker"})
		f.EndRevoked(func(p *access.Principal) bool { return p.Subject == "key:other" })
		first, err := f.Start(ctx, task.Request{Type: "outside", Claim: true})
		if err != nil {
			t.Fatal(err)
		}
		f.wantStatus(first.ID, task.Running)
		store.beforeCreate = func() { f.EndRevoked(func(p *access.Principal) bool { return p.Subject == "key:worker" }) }
		second, err := f.Start(ctx, task.Request{Type: "outside", Claim: true}) // it was let in before
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []task.ID{first.ID, second.ID} {
			if got := f.wantStatus(id, task.Failed); got.Error != "worker_lost: its credential was revoked" || got.ErrorCode != task.CodeWorkerLost {
				t.Errorf("the error is %q", got.Error)
			}
		}
	})
}
