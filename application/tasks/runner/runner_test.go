package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memnodes"
	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/runner"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
	"heliograph/test/taskparts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a Runner with one worker in its pool.
type fixture struct {
	*runner.Runner
	t    *testing.T
	sent *taskparts.Events
}

// start runs a type "work" with that handler, and a type "outside" of workers outside,
// until the test's end.
func start(t *testing.T, run handler) *fixture {
	t.Helper()
	f := &fixture{t: t, sent: &taskparts.Events{}}
	logger := slog.New(slog.DiscardHandler)
	store, life := memtaskstore.New(), lifecycle.New()
	rec := records.New(records.Deps{
		Store: store, Nodes: memnodes.New(cluster.NewLife("one", "life")), Publisher: f.sent,
		Metrics: taskparts.NoMetrics{}, Life: life, Log: logger, MaxEventBytes: 2048, Ended: func(task.Task) {},
	})
	f.Runner = runner.New(runner.Deps{
		Store: store, Records: rec, Life: life, Log: logger, Timeout: time.Minute, CancelGrace: time.Second,
		ProgressInterval: 100 * time.Millisecond,
		Queue:            scheduler.New(scheduler.Sizes{Workers: 1, Waiting: 10}, []task.Type{{Name: "work", Handler: run}, {Name: "outside", Outside: true, Policy: task.Policy{Attempts: 2, Timeout: time.Hour}}}),
	})
	if !life.Enter() {
		t.Fatal("it has ended already")
	}
	pool := runner.Pool{Workers: 1, Runner: f.Runner}
	pool.Start(life.Context())
	life.Leave()
	t.Cleanup(func() {
		life.Refuse()
		f.Queue.Close()
		life.Leave()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := life.Wait(ctx, 0); err != nil {
			t.Error(err)
		}
	})
	return f
}

// takesOn has a task wait.
func (f *fixture) takesOn(typ string, id task.ID) {
	f.t.Helper()
	t, err := f.Store.Create(f.t.Context(), task.Task{ID: id, Type: typ, Status: task.Pending, Created: time.Now(), Attempt: 1})
	if err != nil || !f.Queue.Reserve(scheduler.PlaceOf(t)) || !f.Queue.Put(t, scheduler.PlaceOf(t)) {
		f.t.Fatalf("%s was not taken on: %v", id, err)
	}
}

// want waits until nothing moves and checks a task's record and its events.
func (f *fixture) want(id task.ID, status task.Status, events ...task.EventType) task.Task {
	f.t.Helper()
	synctest.Wait()
	t, err := f.Store.Get(f.t.Context(), id)
	if err != nil || t.Status != status {
		f.t.Errorf("%s is %s (%s), want %s; %v", id, t.Status, t.Error, status, err)
	}
	if got := f.sent.Types(id); !slices.Equal(got, events) {
		f.t.Errorf("%s has the events %v, want %v", id, got, events)
	}
	return t
}

type handler func(ctx context.Context, report task.Reporter) (json.RawMessage, error)

func (handler) Check(json.RawMessage) error { return nil }

func (h handler) Run(ctx context.Context, _ json.RawMessage, report task.Reporter) (json.RawMessage, error) {
	return h(ctx, report)
}

func untilCancelled(ctx context.Context, _ task.Reporter) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestThePoolRunsOneTaskAfterTheOther(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		running := make(chan struct{})
		f := start(t, func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			r.Value(0.5)
			<-running
			return json.RawMessage(`1`), nil
		})
		f.takesOn("work", "a")
		f.takesOn("work", "b")
		f.want("a", task.Running, task.EventStarted, task.EventProgress)
		f.want("b", task.Pending)
		if n := f.Running.Len(); n != 1 {
			t.Errorf("%d run", n)
		}
		close(running)
		f.want("a", task.Completed, task.EventStarted, task.EventProgress, task.EventCompleted)
		f.want("b", task.Completed, task.EventStarted, task.EventProgress, task.EventCompleted)
		if n := f.Running.Len(); n != 0 {
			t.Errorf("%d run", n)
		}
	})
}

func TestAHandlerIsAskedToStopAndAbandonedIfItDoesNot(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		f := start(t, func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-block
			return nil, nil
		})
		f.takesOn("work", "a")
		f.takesOn("work", "b")
		synctest.Wait()
		if got, err := f.Cancel(t.Context(), "a"); err != nil || !got.CancelRequested {
			t.Errorf("cancel: %+v, %v", got, err)
		}
		<-time.After(time.Second)
		f.want("a", task.Failed, task.EventStarted, task.EventCancelRequested, task.EventFailed)
		f.want("b", task.Running, task.EventStarted) // the worker goes on
		close(block)
	})
}

func TestATaskEndsAtItsTimeLimit(t *testing.T) { // T8
	synctest.Test(t, func(t *testing.T) {
		f := start(t, untilCancelled)
		f.takesOn("work", "a")
		<-time.After(time.Minute - 1)
		f.want("a", task.Running, task.EventStarted)
		<-time.After(1)
		if got := f.want("a", task.Failed, task.EventStarted, task.EventFailed); got.Ran != time.Minute {
			t.Errorf("it ran for %s", got.Ran)
		}
	})
}

// begins begins a task for a worker outside.
func (f *fixture) begins(id task.ID) *runner.Attempt {
	f.t.Helper()
	f.takesOn("outside", id)
	e, err := f.Queue.Next(f.t.Context(), func(typ *task.Type) bool { return typ.Outside })
	if err != nil {
		f.t.Fatal(err)
	}
	a, runCtx, err := f.Begin(f.Life.Context(), e)
	if err != nil {
		f.t.Fatal(err)
	}
	f.Follow(f.Life.Context(), runCtx, a)
	return a
}

func TestAWorkerOutsideThatDoesNotReportLosesItsTask(t *testing.T) { // T2
	synctest.Test(t, func(t *testing.T) {
		f := start(t, untilCancelled)
		a := f.begins("a")
		for range 3 {
			<-time.After(a.Term() - 1)
			a.Renew()
		}
		f.want("a", task.Running)
		<-time.After(a.Term())
		if got := f.want("a", task.Pending, task.EventRetrying); got.Attempt != 2 || a.Report(task.Update{}) {
			t.Errorf("the record is %+v", got)
		}
		if f.Running.Leased("a", a.Lease) != nil {
			t.Error("the lease is still good")
		}
	})
}

func TestAReportedEndCountsOnce(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		f := start(t, untilCancelled)
		a := f.begins("a")
		e := records.Completed(json.RawMessage(`1`))
		e.At = time.Now()
		if accepted, err := a.HandIn(t.Context(), e); !accepted || err != nil {
			t.Errorf("the first time: %t, %v", accepted, err)
		}
		if accepted, err := a.HandIn(t.Context(), e); accepted || err != nil {
			t.Errorf("the second time: %t, %v", accepted, err)
		}
		f.want("a", task.Completed, task.EventCompleted)
	})
}

func TestAChangeByAnotherNodeEndsTheAttemptHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, untilCancelled)
		a := f.begins("a")
		record, err := f.Store.Get(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		f.OnRecordChanged(record, true)
		if a.Lost() {
			t.Error("its own record took it away")
		}
		record.OwnerGeneration++
		if record, err = f.Store.Update(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		f.OnRecordChanged(record, true)
		if accepted, err := a.HandIn(t.Context(), records.Completed(nil)); accepted && !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("the end counts: %v", err)
		}
		f.want("a", task.Running)
	})
}

// Another node has begun a task that waits here and has failed, and the news of both come
// when the task is just taken.
func TestABackOffThatBeganElsewhereIsKept(t *testing.T) { // T18
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		f := start(t, func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-let
			return nil, nil
		})
		f.takesOn("work", "before")
		synctest.Wait()
		f.takesOn("work", "a")
		again := f.want("a", task.Pending)
		delay := f.Queue.Type("work").Policy.RetryDelay("a", 2)
		again.Attempt, again.Seq, again.NotBefore = 2, 2, time.Now().Add(delay)
		again, err := f.Store.Update(t.Context(), again)
		if err != nil {
			t.Fatal(err)
		}
		close(let)
		<-time.After(delay - 1)
		if got := f.want("a", task.Pending); got.Revision != again.Revision {
			t.Errorf("before its time it is %+v", got)
		}
		<-time.After(time.Second) // what the other node has for its head start
		if got := f.want("a", task.Completed, task.EventStarted, task.EventCompleted); got.Attempt != 2 || got.Started.Before(again.NotBefore) {
			t.Errorf("in the end it is %+v", got)
		}
	})
}
