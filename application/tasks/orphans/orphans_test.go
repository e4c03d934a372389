package orphans_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks/leases"
	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/orphans"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/runner"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/test/logs"
	"heliograph/test/taskparts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gone is a run of another node that has ended, and alive one that goes on.
const gone, alive = cluster.Life("two/gone"), cluster.Life("two/alive")

// nodes is a cluster.Nodes.
type nodes struct{ alone bool }

func (nodes) Self() cluster.Life           { return "one/life" }
func (nodes) Alive(life cluster.Life) bool { return life == alive || life == "one/life" }
func (n nodes) Alone() bool                { return n.alone }
func (nodes) Present() []string            { return nil }
func (nodes) Leads() bool                  { return true }

// fixture is an Overseer and what it oversees. Nothing runs in the pool.
type fixture struct {
	*orphans.Overseer
	t    *testing.T
	sent *taskparts.Events
	logs logs.Logs
}

// interval is how often the store is looked through.
const interval = 5 * time.Second

// newFixture returns one for a node that has the types "work", for the pool, and "outside",
// for workers outside, each of which has two attempts.
func newFixture(t *testing.T, alone bool) *fixture {
	t.Helper()
	f := &fixture{t: t, sent: &taskparts.Events{}}
	logger := f.logs.Logger()
	store, life, n := taskparts.SharedStore{Store: memtaskstore.New()}, lifecycle.New(), nodes{alone}
	twice := task.Policy{Attempts: 2, Backoff: time.Hour, Timeout: time.Hour}
	queue := scheduler.New(scheduler.Sizes{Workers: 1, Waiting: 10}, []task.Type{{Name: "work", Policy: twice}, {Name: "once"}, {Name: "outside", Outside: true, Policy: twice}})
	rec := records.New(records.Deps{
		Store: store, Nodes: n, Publisher: f.sent,
		Metrics: taskparts.NoMetrics{}, Life: life, Log: logger, MaxEventBytes: 2048, Ended: func(task.Task) {},
	})
	run := runner.New(runner.Deps{Store: store, Records: rec, Queue: queue, Life: life, Log: logger, Timeout: time.Hour, CancelGrace: time.Second})
	f.Overseer = orphans.New(orphans.Deps{
		Store: store, Nodes: n, Records: rec, Queue: queue, Runner: run, Leases: leases.New(store, rec.Attempts, queue, run, life), Life: life,
		Log: logger, Interval: interval,
	})
	return f
}

// start starts the overseer, until the test's end.
func (f *fixture) start() *fixture {
	f.t.Helper()
	if !f.Life.Enter() {
		f.t.Fatal("it has ended already")
	}
	defer f.Life.Leave()
	f.Start(f.Life.Context())
	f.t.Cleanup(func() {
		f.Life.Refuse()
		f.Queue.Close()
		f.Life.Refusing.Pass()
		f.Life.Leave()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(f.t.Context()), time.Minute)
		defer cancel()
		if err := f.Life.Wait(ctx, time.Second); err != nil {
			f.t.Error(err)
		}
	})
	return f
}

// creates puts a record into the store, as another node does.
func (f *fixture) creates(t task.Task) {
	f.t.Helper()
	t.ID, t.Created, t.Attempt = "a", time.Now(), max(t.Attempt, 1)
	if _, err := f.Store.Create(f.t.Context(), t); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) want(status task.Status) task.Task {
	f.t.Helper()
	synctest.Wait()
	t, err := f.Store.Get(f.t.Context(), "a")
	if err != nil || t.Status != status {
		f.t.Errorf("it is %s (%s), want %s; %v", t.Status, t.Error, status, err)
	}
	return t
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestTasksOfALostNodeFailOrAreTriedAgain(t *testing.T) { // T2
	for typ, want := range map[string]task.Status{"work": task.Pending, "once": task.Failed} {
		t.Run(typ, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, false)
				f.creates(task.Task{Type: typ, Status: task.Running, Node: gone, Lease: "lease", Seq: 4})
				f.start()
				if got := f.want(want); got.Seq != 5 || want == task.Failed && !strings.HasPrefix(got.Error, "node_lost: ") {
					t.Errorf("the record is %+v", got)
				}
			})
		})
	}
}

func TestTasksOfALivingNodeAreLeftToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, false).start()
		f.creates(task.Task{Type: "work", Status: task.Running, Node: alive, Lease: "lease", Seq: 4})
		pass(10 * interval)
		if got := f.want(task.Running); got.Node != alive || got.Revision != 1 {
			t.Errorf("the record is %+v", got)
		}
	})
}

func TestAWorkerOutsideOfALostNodeGoesOnHere(t *testing.T) { // T2
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, false).start()
		f.creates(task.Task{Type: "outside", Status: task.Running, Node: gone, Lease: "lease", Seq: 4})
		pass(interval)
		if got := f.want(task.Running); got.Node != f.Nodes.Self() || got.OwnerGeneration != 1 {
			t.Errorf("the record is %+v", got)
		}
		if err := f.Leases.Complete(t.Context(), "a", "lease", nil); err != nil {
			t.Error(err)
		}
		f.want(task.Completed)
	})
}

func TestAFinalEventThatIsPendingIsPublishedOnce(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, false)
		f.sent.Fail(event.ErrUnavailable)
		f.creates(task.Task{Type: "work", Status: task.Completed, Node: gone, Seq: 4, FinalEventPending: true})
		f.start()
		pass(2 * interval)
		if got := f.want(task.Completed); !got.FinalEventPending {
			t.Errorf("while the broker takes nothing: %+v", got)
		}
		f.sent.Fail(nil)
		pass(3 * interval)
		if got := f.want(task.Completed); got.FinalEventPending || len(f.sent.All()) != 1 {
			t.Errorf("the record is %+v, %d events were sent", got, len(f.sent.All()))
		}
	})
}

func TestATaskOfAnUnknownTypeFailsWhereNoOtherNodeCanKnowIt(t *testing.T) { // T2
	for name, alone := range map[string]bool{"alone": true, "among others": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, alone)
				f.creates(task.Task{Type: "other", Status: task.Pending})
				f.start()
				pass(3 * interval)
				if alone {
					if got := f.want(task.Failed); !strings.Contains(got.Error, `"other"`) || len(f.sent.All()) != 2 {
						t.Errorf("the record is %+v, %d events were sent", got, len(f.sent.All()))
					}
					return
				}
				f.want(task.Pending)
				if n := strings.Count(f.logs.String(), "has a type that is not known here"); n != 1 {
					t.Errorf("it was warned of %d times", n)
				}
			})
		})
	}
}

// quiet is a store that calls no watcher.
type quiet struct{ task.Store }

func (quiet) Watch(func(task.Task)) (stop func()) { return func() {} }

func TestChangesThatWereNotHeardOfAreLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, false)
		f.Store = quiet{f.Store}
		f.start()
		f.creates(task.Task{Type: "work", Status: task.Pending})
		if n, _ := f.Queue.Figures.Len(); n != 0 {
			t.Fatal("there was news")
		}
		pass(orphans.WholeEvery * interval)
		if n, _ := f.Queue.Figures.Len(); n != 1 {
			t.Error("a task that waits was not found")
		}
		record := f.want(task.Pending)
		record.Status = task.Cancelled
		if _, err := f.Store.Update(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		pass(orphans.WholeEvery * interval)
		if n, _ := f.Queue.Figures.Len(); n != 0 {
			t.Error("a task that has ended still waits")
		}
	})
}

// listed is a store that counts what lists hold.
type listed struct {
	task.Store
	tasks, lists atomic.Int64
}

func (s *listed) List(ctx context.Context, q task.Query) (page []task.Task, next string, err error) {
	page, next, err = s.Store.List(ctx, q)
	s.tasks.Add(int64(len(page)))
	s.lists.Add(1)
	return page, next, err
}

func TestTasksThatWaitAreReadSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, false)
		store := &listed{Store: f.Store}
		f.Store = store
		f.creates(task.Task{Type: "work", Status: task.Pending})
		f.start()
		pass((orphans.WholeEvery - 1) * interval)
		if lists, tasks := store.lists.Load(), store.tasks.Load(); lists != orphans.WholeEvery || tasks != 1 {
			t.Errorf("%d lists had %d tasks, want %d and 1", lists, tasks, orphans.WholeEvery)
		}
		pass(interval)
		if tasks := store.tasks.Load(); tasks != 2 {
			t.Errorf("%d tasks were read, want 2", tasks)
		}
	})
}
