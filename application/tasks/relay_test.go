package tasks_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// leasedBeside starts two nodes, and a task that the first sees to.
func leasedBeside(t *testing.T, policy task.Policy) (one, two *fixture, c task.Claim) {
	t.Helper()
	one, two = twoNodes(t)
	one.start(outsideType(policy))
	two.start(outsideType(policy))
	one.begin("outside")
	return one, two, one.claim()
}

// wantOwner checks that the task was never taken over.
func (f *fixture) wantOwner(id task.ID) task.Task {
	f.t.Helper()
	got := f.wantStatus(id, task.Running)
	if got.Node != f.nodes.self || got.OwnerGeneration != 0 {
		f.t.Errorf("the task is %s's, and was taken over %d times", got.Node, got.OwnerGeneration)
	}
	return got
}

// A balancer that goes round sends every other report to the other node (11.10).
func TestAReportToAnotherNodeRenewsTheLeaseAndTakesNothingOver(t *testing.T) { // T3, T4
	synctest.Test(t, func(t *testing.T) {
		one, two, c := leasedBeside(t, task.Policy{Lease: 30 * time.Second})
		for i := range 8 {
			pass(20 * time.Second)
			[]*fixture{two, one}[i%2].report(c, task.Update{Done: new(float64(i + 1)), Total: new(10.0)}, false, nil)
			pass(time.Second)
			if got := one.wantOwner(c.Task.ID); got.Progress.Done != float64(i+1) || len(got.Relayed) != 0 {
				t.Errorf("after %d reports the record is %+v", i+1, got)
			}
		}
		for range 5 { // reports that report nothing
			pass(20 * time.Second)
			two.report(c, task.Update{}, false, nil)
		}
		one.wantOwner(c.Task.ID)
		events := one.wantEvents(c.Task.ID, append([]task.EventType{task.EventQueued, task.EventStarted}, repeat(task.EventProgress, 8)...)...)
		for i, e := range events {
			if e.Seq != uint64(i+1) {
				t.Errorf("event %d has the seq %d", i, e.Seq)
			}
		}
		pass(31 * time.Second)
		one.wantStatus(c.Task.ID, task.Failed)
		two.wantLate(c)
	})
}

func repeat(typ task.EventType, n int) (all []task.EventType) {
	for range n {
		all = append(all, typ)
	}
	return all
}

func TestAReportToAnotherNodeIsAnsweredThatTheTaskIsToStop(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		one, two, c := leasedBeside(t, task.Policy{})
		two.report(c, task.Update{}, false, nil)
		one.cancel(c.Task.ID)
		two.report(c, task.Update{}, true, nil)
		one.wantOwner(c.Task.ID)
		other := c
		other.Lease = "another"
		two.report(other, task.Update{}, false, task.ErrLeaseLost)
		if err := one.fails(c); err != nil {
			t.Error(err)
		}
		one.wantStatus(c.Task.ID, task.Cancelled)
		two.wantLate(task.Claim{Task: c.Task, Lease: "another"})
	})
}

func TestReportsToAnotherNodeAreInTheRecordWhenTheTaskEnds(t *testing.T) { // T4
	synctest.Test(t, func(t *testing.T) {
		one, two, c := leasedBeside(t, task.Policy{})
		two.report(c, task.Update{Text: new("nearly"), Value: new(0.9)}, false, nil)
		if err := one.Complete(t.Context(), c.Task.ID, c.Lease, json.RawMessage(`1`)); err != nil {
			t.Error(err)
		}
		got := one.wantStatus(c.Task.ID, task.Completed)
		if want := (task.Progress{Text: "nearly", Value: 0.9}); got.Progress != want || len(got.Relayed) != 0 {
			t.Errorf("the record is %+v", got)
		}
	})
}

// News of a report may come later than the end of the lease.
func TestAReportWhoseNewsIsLateRenewsTheLease(t *testing.T) { // T2
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		deaf := &unwatchedStore{Store: one.store}
		one.store = deaf
		one.start(outsideType(task.Policy{Lease: 30 * time.Second}))
		two.start(outsideType(task.Policy{Lease: 30 * time.Second}))
		one.begin("outside")
		c := one.claim()
		pass(28 * time.Second)
		two.report(c, task.Update{Value: new(0.5)}, false, nil)
		pass(3 * time.Second)
		if got := one.wantOwner(c.Task.ID); got.Progress.Value != 0.5 {
			t.Errorf("the record is %+v", got)
		}
		pass(30 * time.Second)
		one.wantStatus(c.Task.ID, task.Failed)
	})
}

// unwatchedStore calls no watcher.
type unwatchedStore struct{ task.Store }

func (*unwatchedStore) Watch(func(task.Task)) (stop func()) { return func() {} }

func TestAReportTakesTheTaskOverWhenItsNodeIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two, c := leasedBeside(t, task.Policy{})
		two.report(c, task.Update{Value: new(0.2)}, false, nil)
		synctest.Wait()
		one.cut()
		two.report(c, task.Update{Value: new(0.4)}, false, nil)
		synctest.Wait()
		if got := two.wantStatus(c.Task.ID, task.Running); got.Node != two.nodes.self || got.OwnerGeneration != 1 || got.Progress.Value != 0.4 {
			t.Errorf("the record is %+v", got)
		}
		if err := two.completes(c); err != nil {
			t.Error(err)
		}
		two.wantEvents(c.Task.ID, task.EventQueued, task.EventStarted, task.EventProgress, task.EventProgress, task.EventCompleted)
	})
}

func TestAReportIsRefusedWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, two, c := leasedBeside(t, task.Policy{})
		two.link.cut.Store(true)
		if _, err := two.Progress(t.Context(), c.Task.ID, c.Lease, task.Update{}); err == nil || errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("a report that cannot be recorded: %v", err)
		}
		two.link.cut.Store(false)
	})
}
