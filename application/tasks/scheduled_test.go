package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// runAfter starts a task of the type "work" that is to run later.
func (f *fixture) runAfter(d time.Duration) task.ID {
	f.t.Helper()
	t, err := f.Start(f.t.Context(), task.Request{Type: "work", RunAt: time.Now().Add(d)})
	if err != nil {
		f.t.Fatalf("start: %v", err)
	}
	return t.ID
}

func TestATaskRunsAtItsTime(t *testing.T) { // T19, T13
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed))
		at := time.Now().Add(26*time.Hour + time.Nanosecond)
		started, err := f.Start(t.Context(), task.Request{Type: "work", RunAt: at.In(time.FixedZone("", 3600))})
		if err != nil || started.Status != task.Pending || !started.RunAt.Equal(at) || started.RunAt.Location() != time.UTC {
			t.Errorf("started is %+v, %v", started, err)
		}
		if _, queued := f.Counts(); queued != 0 || f.Scheduled() != 1 {
			t.Errorf("%d wait in the queue, %d are scheduled", queued, f.Scheduled())
		}
		const want = `{"tasks":[{"task_id":"task-1","type":"work","created_at":"2000-01-01T00:00:00Z","status":"pending","cancel_requested":false,` +
			`"progress":{"text":"","value":0},"seq":1,"attempt":1,"labels":{},"run_at":"2000-01-02T02:00:00.000000001Z","next_at":"2000-01-02T02:00:00.000000001Z"}]}`
		if got := f.connect("a"); string(got[0].Data) != want {
			t.Errorf("the snapshot is %s", got[0].Data)
		}
		pass(26 * time.Hour)
		f.wantStatus(started.ID, task.Pending)
		pass(time.Nanosecond)
		got := f.wantStatus(started.ID, task.Completed)
		if !got.Started.Equal(at) || !got.RunAt.Equal(at) || !got.NotBefore.IsZero() {
			t.Errorf("the record is %+v", got)
		}
		f.wantEvents(started.ID, task.EventQueued, task.EventStarted, task.EventCompleted)
	})
}

func TestATimeThatIsPastIsAtOnce(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed))
		for _, before := range []time.Duration{0, time.Nanosecond, 100 * 365 * 24 * time.Hour} {
			got := f.wantStatus(f.runAfter(-before), task.Completed)
			if want := time.Now().Add(-before); !got.RunAt.Equal(want) {
				t.Errorf("run_at is %s, want %s", got.RunAt, want)
			}
		}
	})
}

func TestATimeTooFarAwayIsRefused(t *testing.T) { // T19, S3
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed))
		const year = 365 * 24 * time.Hour
		for _, at := range []time.Time{time.Now().Add(year + 1), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
			if _, err := f.Start(t.Context(), task.Request{Type: "work", RunAt: at}); !errors.Is(err, task.ErrInvalidRunAt) {
				t.Errorf("%s: %v", at, err)
			}
		}
		if all, _, err := f.List(t.Context(), task.Query{}); err != nil || len(all) != 0 {
			t.Errorf("there are %v, %v", all, err)
		}
		id := f.runAfter(year)
		pass(year - 1)
		f.wantStatus(id, task.Pending)
		pass(1)
		f.wantStatus(id, task.Completed)
	})
}

func TestATaskThatItsStarterClaimsCannotRunLater(t *testing.T) { // T19, T20
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{}))
		r := task.Request{Type: "outside", Claim: true, RunAt: time.Now().Add(1)}
		if _, err := f.Start(t.Context(), r); !errors.Is(err, task.ErrInvalidRunAt) {
			t.Errorf("later: %v", err)
		}
		r.RunAt = time.Now()
		got, err := f.Start(t.Context(), r)
		if err != nil || got.Status != task.Running {
			t.Fatalf("at once: %+v, %v", got, err)
		}
		if err := f.Complete(t.Context(), got.ID, got.Lease, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestAScheduledTaskCanBeCancelled(t *testing.T) { // T19, T7, T17
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.ScheduledMax, f.cfg.CleanupInterval = 2, 24*time.Hour
		f.start(work(succeed))
		one, two := f.runAfter(time.Hour), f.runAfter(time.Hour)
		f.cancel(one)
		f.runAfter(time.Hour) // its place is free
		if n, err := f.CancelAll(t.Context(), task.Query{Status: task.Pending}); n != 2 || err != nil {
			t.Errorf("%d were cancelled, %v", n, err)
		}
		pass(2 * time.Hour)
		for _, id := range []task.ID{one, two} {
			if got := f.wantStatus(id, task.Cancelled); !got.Started.IsZero() {
				t.Errorf("%s ran", id)
			}
			f.wantEvents(id, task.EventQueued, task.EventCancelled)
		}
		f.wantLawful()
	})
}

func TestAsManyTasksAreScheduledAsMay(t *testing.T) { // T19, T14, T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.ScheduledMax, f.cfg.MaxWorkers, f.cfg.QueueSize, f.cfg.CleanupInterval = 3, 1, 1, time.Hour
		f.start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Minute)
			return nil, nil
		}))
		later := task.Request{Type: "work", RunAt: time.Now().Add(time.Hour), Key: "k"}
		first, err := f.Start(t.Context(), later)
		if err != nil {
			t.Fatal(err)
		}
		all := []task.ID{first.ID, f.runAfter(time.Hour), f.runAfter(time.Hour)}
		if _, err := f.Start(t.Context(), task.Request{Type: "work", RunAt: later.RunAt}); !errors.Is(err, task.ErrQueueFull) {
			t.Errorf("a fourth: %v", err)
		}
		if again, err := f.Start(t.Context(), later); err != nil || again.ID != first.ID {
			t.Errorf("with the key of the first: %s, %v", again.ID, err)
		}
		all = append(all, f.run(), f.run()) // which have the queue to themselves
		f.wantFull("work")
		pass(time.Hour) // one runs, one waits in the queue, one waits for a place there
		f.wantFull("work")
		if f.Scheduled() != 1 {
			t.Errorf("%d wait for a place", f.Scheduled())
		}
		pass(3 * time.Minute)
		for _, id := range all {
			f.wantStatus(id, task.Completed)
		}
	})
}

func TestAStopCancelsScheduledTasks(t *testing.T) { // T19, T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.build(work(succeed))
		if err := f.StartWorkers(t.Context()); err != nil {
			t.Fatal(err)
		}
		id := f.runAfter(time.Hour)
		f.stop(time.Minute)
		f.wantStatus(id, task.Cancelled)
		f.wantLawful()
	})
}

func TestWithADurableStoreAScheduledTaskOutlivesARestart(t *testing.T) { // T19, T15
	for name, down := range map[string]time.Duration{"before its time": time.Minute, "after its time": 3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.link.durable = true
				f.start(work(succeed))
				id := f.runAfter(time.Hour)
				at := time.Now().Add(time.Hour)
				f.stop(time.Minute)
				pass(down)
				f.wantStatus(id, task.Pending)
				next := f.restarted()
				next.nodes.alone = true
				next.start(work(succeed))
				pass(max(0, time.Until(at)-1))
				if down < time.Hour {
					next.wantStatus(id, task.Pending)
				}
				pass(1)
				next.wantStatus(id, task.Completed)
				next.wantEvents(id, task.EventQueued, task.EventStarted, task.EventCompleted)
			})
		})
	}
}

func TestAScheduledTaskOfATypeThatIsGoneFailsAtItsTime(t *testing.T) { // T19, T2
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		f.start(work(succeed))
		id := f.runAfter(time.Hour)
		f.stop(time.Minute)
		next := f.restarted()
		next.nodes.alone = true
		next.start()
		pass(time.Hour - 1)
		next.wantStatus(id, task.Pending) // the type may come back
		pass(oversee + 1)
		next.wantStatus(id, task.Failed)
	})
}

func TestANodeRunsAScheduledTaskOfAnother(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		one.cfg.ScheduledMax, two.cfg.ScheduledMax = 1, 1
		one.start(work(succeed))
		two.start(work(succeed))
		id := one.runAfter(time.Hour)
		pass(time.Second)
		if _, err := two.Start(t.Context(), task.Request{Type: "work", RunAt: time.Now().Add(time.Hour)}); !errors.Is(err, task.ErrQueueFull) {
			t.Errorf("the bound is for all nodes, but: %v", err)
		}
		one.cut()
		pass(time.Hour - time.Second - 1)
		two.wantStatus(id, task.Pending)
		pass(time.Second)
		if got := two.wantStatus(id, task.Completed); got.Attempt != 1 {
			t.Errorf("it took %d attempts", got.Attempt)
		}
	})
}

func TestAScheduledTaskRunsOnceAndAtItsTimeWhateverClocksSay(t *testing.T) { // T19
	withClocks(t, func(one, two *fixture) {
		var ran atomic.Int64
		counts := work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			ran.Add(1)
			return nil, nil
		})
		one.start(counts)
		two.start(counts)
		ids := []task.ID{one.runAfter(2 * time.Hour), two.runAfter(2 * time.Hour)}
		pass(2*time.Hour - 1)
		if n := ran.Load(); n != 0 {
			t.Errorf("%d ran before their time", n)
		}
		pass(time.Second)
		for _, id := range ids {
			one.wantStatus(id, task.Completed)
		}
		if n := ran.Load(); n != int64(len(ids)) {
			t.Errorf("%d ran", n)
		}
	})
}

// A beginning that is undone must not have the task wait for its time again.
func TestAScheduledTaskThatWasBegunForAWorkerThatLeftIsNextAtOnce(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		one.start(outsideType(task.Policy{Lease: time.Hour}))
		two.start(outsideType(task.Policy{Lease: time.Hour}))
		started, err := one.Start(t.Context(), task.Request{Type: "outside", RunAt: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		ctx, leave := context.WithCancel(t.Context())
		slow := &faultyStore{Store: one.store, afterUpdate: func(task.Task) error { leave(); return nil }}
		three := newFixture(t)
		three.link.durable, three.store, three.wire, three.ids = true, slow, one.wire, 2000
		three.nodes = newNode("three", one.nodes, two.nodes)
		one.nodes.others = append(one.nodes.others, three.nodes)
		two.nodes.others = append(two.nodes.others, three.nodes)
		three.start(outsideType(task.Policy{Lease: time.Hour}))
		if c, err := three.Claim(ctx, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
			t.Fatalf("claimed %+v, %v", c, err)
		}
		pass(time.Second)
		one.wantStatus(started.ID, task.Pending)
		if c := two.claim(); c.Task.ID != started.ID || c.Task.Attempt != 1 {
			t.Errorf("claimed is %+v", c.Task)
		}
	})
}

func TestScheduledTasksOfOneMomentRunInTheirOrder(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers, f.cfg.QueueSize = 1, 2
		f.start(work(succeed))
		var ids []task.ID
		for range 20 {
			ids = append(ids, f.runAfter(time.Hour))
		}
		pass(2 * time.Hour)
		var began []task.ID
		f.wire.mu.Lock()
		defer f.wire.mu.Unlock()
		for _, e := range f.wire.events {
			if e.Type == task.EventStarted {
				began = append(began, e.TaskID)
			}
		}
		if fmt.Sprint(began) != fmt.Sprint(ids) {
			t.Errorf("they began in the order %v", began)
		}
	})
}
