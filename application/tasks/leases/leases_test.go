package leases_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks/leases"
	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/runner"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
	"heliograph/test/taskparts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is the Leases of one node of several on one store.
type fixture struct {
	*leases.Leases
	t     *testing.T
	store task.Store
	queue *scheduler.Queue
	run   *runner.Runner
	life  *lifecycle.Lifecycle
	nodes *nodes
}

// nodes is a cluster.Nodes in which all live, unless dead says so.
type nodes struct {
	self cluster.Life
	dead cluster.Life
}

func (n *nodes) Self() cluster.Life           { return n.self }
func (n *nodes) Alive(life cluster.Life) bool { return life != n.dead }
func (*nodes) Alone() bool                    { return false }
func (*nodes) Present() []string              { return nil }
func (*nodes) Leads() bool                    { return true }

// start returns a node's Leases of the types "outside", for workers outside, and "inside",
// for the pool.
func start(t *testing.T, store task.Store, node string) *fixture {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	outside := task.Type{Name: "outside", Outside: true, Policy: task.Policy{Timeout: time.Hour}}
	f := &fixture{
		t: t, store: store, life: lifecycle.New(), nodes: &nodes{self: cluster.NewLife(node, "life")},
		queue: scheduler.New(scheduler.Sizes{Workers: 1, Waiting: 10}, []task.Type{outside, {Name: "inside"}}),
	}
	rec := records.New(records.Deps{
		Store: store, Nodes: f.nodes, Publisher: &taskparts.Events{},
		Metrics: taskparts.NoMetrics{}, Life: f.life, Log: logger, MaxEventBytes: 2048, Ended: func(task.Task) {},
	})
	f.run = runner.New(runner.Deps{Store: store, Records: rec, Queue: f.queue, Life: f.life, Log: logger, Timeout: time.Hour, CancelGrace: time.Second})
	f.Leases = leases.New(store, rec.Attempts, f.queue, f.run, f.life)
	t.Cleanup(f.stop)
	return f
}

func (f *fixture) stop() {
	if f.life.Refuse() {
		f.queue.Close()
		f.life.Leave()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.t.Context()), time.Minute)
	defer cancel()
	if err := f.life.Wait(ctx, time.Second); err != nil {
		f.t.Error(err)
	}
}

// claims takes a task on and claims it.
func (f *fixture) claims() task.Claim {
	f.t.Helper()
	t, err := f.store.Create(f.t.Context(), task.Task{ID: "a", Type: "outside", Status: task.Pending, Created: time.Now(), Attempt: 1})
	if err != nil || !f.queue.Reserve(scheduler.PlaceOf(t)) || !f.queue.Put(t, scheduler.PlaceOf(t)) {
		f.t.Fatalf("the task was not taken on: %v", err)
	}
	c, err := f.Claim(f.t.Context(), []string{"inside", "outside"}, "")
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fixture) want(status task.Status) task.Task {
	f.t.Helper()
	synctest.Wait()
	t, err := f.store.Get(f.t.Context(), "a")
	if err != nil || t.Status != status {
		f.t.Errorf("it is %s (%s), want %s; %v", t.Status, t.Error, status, err)
	}
	return t
}

func TestALeaseIsGoodUntilItsTaskHasEnded(t *testing.T) { // T2, T11
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), "one")
		c := f.claims()
		if stop, err := f.Progress(t.Context(), "a", c.Lease, task.Update{Value: new(0.5)}); stop || err != nil {
			t.Errorf("a report: %t, %v", stop, err)
		}
		if _, err := f.Progress(t.Context(), "a", "another", task.Update{}); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("a report with another lease: %v", err)
		}
		for range 2 { // the answer may be lost
			if err := f.Complete(t.Context(), "a", c.Lease, json.RawMessage(`1`)); err != nil {
				t.Errorf("complete: %v", err)
			}
		}
		if err := f.Fail(t.Context(), "a", c.Lease, task.Failure{Error: "no"}); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("another end: %v", err)
		}
		if _, err := f.Progress(t.Context(), "a", c.Lease, task.Update{}); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("a late report: %v", err)
		}
		if got := f.want(task.Completed); string(got.Result) != `1` || got.Progress.Value != 0.5 || !got.Ended.Equal(time.Now()) {
			t.Errorf("the record is %+v, at %s", got, time.Now())
		}
	})
}

func TestOnlyTypesForWorkersOutsideCanBeClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), "one")
		for _, types := range [][]string{nil, {"inside"}, {"unknown"}} {
			if _, err := f.Claim(t.Context(), types, ""); !errors.Is(err, task.ErrUnknownType) {
				t.Errorf("claim of %v: %v", types, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Claim(ctx, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
			t.Errorf("claim of nothing: %v", err)
		}
	})
}

func TestANodeRelaysReportsWhileTheOwnerLivesAndThenTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := taskparts.SharedStore{Store: memtaskstore.New()}
		one, two := start(t, store, "one"), start(t, store, "two")
		c := one.claims()
		if _, err := two.Progress(t.Context(), "a", c.Lease, task.Update{Value: new(0.5)}); err != nil {
			t.Error(err)
		}
		if got := one.want(task.Running); got.Node != one.nodes.self || got.Reports != 1 || len(got.Relayed) != 1 {
			t.Errorf("while the owner lives: %+v", got)
		}
		two.nodes.dead = one.nodes.self
		if _, err := two.Progress(t.Context(), "a", c.Lease, task.Update{Text: new("x")}); err != nil {
			t.Error(err)
		}
		if got := one.want(task.Running); got.Node != two.nodes.self || got.OwnerGeneration != 1 || got.Progress.Value != 0.5 || got.Progress.Text != "x" {
			t.Errorf("after the owner: %+v", got)
		}
		if err := two.Complete(t.Context(), "a", c.Lease, nil); err != nil {
			t.Error(err)
		}
		two.want(task.Completed)
		if err := one.Complete(t.Context(), "a", c.Lease, nil); err != nil { // the former owner still holds an attempt
			t.Errorf("the same end at the other node: %v", err)
		}
	})
}

func TestWhileTheServiceStopsAGoodLeaseIsRefusedForNow(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		store := taskparts.SharedStore{Store: memtaskstore.New()}
		one, two := start(t, store, "one"), start(t, store, "two")
		c := one.claims()
		two.stop()
		if err := two.Complete(t.Context(), "a", c.Lease, nil); !errors.Is(err, task.ErrShuttingDown) {
			t.Errorf("the lease is good: %v", err)
		}
		if err := two.Complete(t.Context(), "a", "another", nil); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("the lease is not: %v", err)
		}
		if _, err := two.Claim(t.Context(), []string{"outside"}, ""); !errors.Is(err, task.ErrShuttingDown) {
			t.Errorf("claim: %v", err)
		}
		if err := one.Complete(t.Context(), "a", c.Lease, nil); err != nil {
			t.Error(err)
		}
	})
}
