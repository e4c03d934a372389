package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

func TestOnlyATaskThatDoesNotBeginAtOnceIsQueued(t *testing.T) { // T3
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 2
		alone := task.Type{Name: "alone", Handler: handler(untilCancelled), Policy: task.Policy{Concurrency: 1}}
		f.start(work(untilCancelled), alone, outsideType(task.Policy{}))
		first, behind := f.begin("alone"), f.begin("alone") // the workers of the pool have not even asked
		beside, late := f.run(), f.run()
		claimed := make(chan task.Claim)
		go func() { claimed <- f.claim() }()
		synctest.Wait()
		lent, unclaimed := f.begin("outside"), f.begin("outside")
		if got := <-claimed; got.Task.ID != lent {
			t.Errorf("the worker has %s", got.Task.ID)
		}
		for _, id := range []task.ID{first, beside, lent} {
			if e := f.wantEvents(id, task.EventStarted)[0]; e.Seq != 1 {
				t.Errorf("it begins with %+v", e)
			}
		}
		for _, id := range []task.ID{behind, late, unclaimed} {
			e := f.wantEvents(id, task.EventQueued)[0]
			if e.Seq != 1 || e.Attempt != 1 || string(e.Data) != `null` || e.record.Status != task.Pending || e.record.Seq != 1 {
				t.Errorf("it waits as %+v", e)
			}
		}
		f.cancel(first)
		if e := f.wantEvents(behind, task.EventQueued, task.EventStarted)[1]; e.Seq != 2 {
			t.Errorf("it begins with %+v", e)
		}
	})
}

// runSoon is run for a goroutine that is not the test's.
func (f *fixture) runSoon() {
	if _, err := f.Start(f.t.Context(), task.Request{Type: "work"}); err != nil {
		f.t.Errorf("start: %v", err)
	}
}

func TestOfTwoTasksThatRaceForAWorkerOneIsQueued(t *testing.T) { // T3
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.store = &faultyStore{Store: f.store, beforeCreate: func() { <-time.After(time.Second) }}
		f.start(work(untilCancelled))
		for range 2 {
			go f.runSoon()
		}
		pass(2 * time.Second)
		runs, waits := task.ID("task-1"), task.ID("task-2")
		if first, err := f.Get(t.Context(), runs); err != nil || first.Status == task.Pending {
			runs, waits = waits, runs
		}
		f.wantStatus(runs, task.Running)
		f.wantEvents(runs, task.EventStarted)
		f.wantStatus(waits, task.Pending)
		f.wantEvents(waits, task.EventQueued)
	})
}

func TestACancellationDoesNotOvertakeTheNewsThatATaskWaits(t *testing.T) { // T3, T7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.start(work(untilCancelled))
		f.run()
		synctest.Wait()
		f.wire.slow = func() time.Duration { return time.Second }
		go f.runSoon()
		synctest.Wait() // it is recorded, and its task_queued under way
		f.cancel("task-2")
		f.wantEvents("task-2", task.EventQueued, task.EventCancelled)
	})
}

func TestARequestToStopIsTold(t *testing.T) { // T3, T7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.ProgressRate = 1
		f.start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
			r.Value(0.1)
			<-time.After(10 * time.Millisecond)
			r.Value(0.2) // which waits for a second
			<-ctx.Done()
			<-time.After(100 * time.Millisecond)
			r.Value(0.3)
			<-time.After(time.Second)
			return nil, context.Cause(ctx)
		}))
		id := f.run()
		pass(20 * time.Millisecond)
		asked := time.Now()
		f.cancel(id)
		f.cancel(id)
		pass(2 * time.Second)
		events := f.wantEvents(id, task.EventStarted, task.EventProgress, task.EventProgress, task.EventCancelRequested, task.EventProgress, task.EventCancelled)
		for i, e := range events {
			if e.Seq != uint64(i+1) {
				t.Errorf("event %d is %+v", i+1, e)
			}
		}
		if e := events[3]; string(e.Data) != `null` || e.Attempt != 1 || !f.timeOf(e).Equal(asked) || !e.record.CancelRequested || e.record.CancelSeq != 4 {
			t.Errorf("at %s it was asked to stop, its event is %+v", asked, e)
		}
		f.stop(time.Second)
		f.wantLawful()
	})
}

func TestARequestToStopThatComesWithTheEndIsTold(t *testing.T) { // T3, T7, T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		asked := false
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(record task.Task) error {
			if record.Status.Terminal() && !asked { // between the attempt's end and its record
				asked = true
				f.cancelWithoutWaiting(record.ID)
			}
			return nil
		}}
		f.start(work(halfway))
		id := f.run()
		f.wantStatus(id, task.Completed)
		f.wantEvents(id, task.EventStarted, task.EventProgress, task.EventCancelRequested, task.EventCompleted)
		f.stop(time.Second)
		f.wantLawful()
	})
}

func TestARequestToStopThatANodeDidNotTellIsToldByTheNext(t *testing.T) { // T3, T12
	for name, reached := range map[string]bool{"the node was gone before": false, "the broker has it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one, two := twoNodes(t)
				one.start(outsideType(task.Policy{Lease: time.Hour}))
				two.start(outsideType(task.Policy{Lease: time.Hour}))
				id := one.begin("outside")
				c := one.claim()
				synctest.Wait()
				if !reached {
					one.wire.breaks(event.ErrUnavailable)
				}
				one.cancel(id)
				synctest.Wait()
				one.wire.breaks(nil)
				one.cut()
				two.report(c, task.Update{}, true, nil)
				events := two.wantEvents(id, task.EventQueued, task.EventStarted, task.EventCancelRequested)
				if e := events[2]; e.Seq != 3 {
					t.Errorf("it was told as %+v", e)
				}
				if err := two.fails(c); err != nil {
					t.Error(err)
				}
				two.wantEvents(id, task.EventQueued, task.EventStarted, task.EventCancelRequested, task.EventCancelled)
			})
		})
	}
}

func TestARemovalIsToldAfterTheEnd(t *testing.T) { // T3, T9, T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed))
		f.wire.slow = func() time.Duration { return time.Second }
		started, err := f.Start(t.Context(), task.Request{
			Type: "work", Audience: access.Choice{Given: true, Audience: &access.Audience{Subjects: []string{"ann"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.wantStatus(started.ID, task.Running)
		pass(time.Second)
		f.wantStatus(started.ID, task.Completed) // and its final event is under way
		if err := f.Remove(t.Context(), started.ID); err != nil {
			t.Fatal(err)
		}
		events := f.wantEvents(started.ID, task.EventStarted, task.EventCompleted, task.EventRemoved)
		e := events[2]
		if e.Seq != 3 || e.Attempt != 1 || string(e.Data) != `null` || !f.timeOf(e).After(f.timeOf(events[1])) || e.audience == nil {
			t.Errorf("the removal is %+v", e)
		}
		if e.record.ID != "" {
			t.Errorf("whoever reads the status then sees %+v", e.record)
		}
		f.wire.slow = nil
		unremoved := f.run()
		pass(11 * time.Minute) // the cleaner comes
		if _, err := f.Get(t.Context(), unremoved); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("the cleaner left it: %v", err)
		}
		f.wantEvents(unremoved, task.EventStarted, task.EventCompleted)
	})
}

func TestARemovalThatIsInterruptedIsFinishedByAnotherNode(t *testing.T) { // T3, T12
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		one.start(work(succeed))
		two.start(work(succeed))
		started, err := one.Start(t.Context(), task.Request{Type: "work", Key: "once"})
		if err != nil {
			t.Fatal(err)
		}
		one.wantStatus(started.ID, task.Completed)
		one.wire.breaks(event.ErrUnavailable)
		if err := one.Remove(t.Context(), started.ID); !errors.Is(err, task.ErrUnavailable) {
			t.Errorf("Remove without a broker: %v", err)
		}
		if _, err := two.Get(t.Context(), started.ID); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("Get of what is being removed: %v", err)
		}
		for _, q := range []task.Query{{}, {IDs: []task.ID{started.ID}}, {Status: task.Completed}} {
			if page, _, err := two.List(t.Context(), q); err != nil || len(page) != 0 {
				t.Errorf("%+v lists %+v, %v", q, page, err)
			}
		}
		if again, err := two.Start(t.Context(), task.Request{Type: "work", Key: "once"}); !errors.Is(err, task.ErrUnavailable) {
			t.Errorf("a start with the key of what is being removed: %+v, %v", again, err)
		}
		one.cut()
		pass(oversee)
		two.wantEvents(started.ID, task.EventStarted, task.EventCompleted)
		two.wire.breaks(nil)
		pass(oversee)
		if e := two.wantEvents(started.ID, task.EventStarted, task.EventCompleted, task.EventRemoved)[2]; e.Seq != 3 {
			t.Errorf("the removal is %+v", e)
		}
		if again, err := two.Start(t.Context(), task.Request{Type: "work", Key: "once"}); err != nil || again.ID == started.ID {
			t.Errorf("a start with the key of what is removed: %+v, %v", again, err)
		}
	})
}

func TestARemovalWaitsForAFinalEventThatIsPending(t *testing.T) { // T3, T11
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		one.start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Second) // task_started is out
			one.wire.breaks(event.ErrUnavailable)
			return nil, nil
		}))
		two.start()
		id := one.run()
		pass(time.Second)
		if got := one.wantStatus(id, task.Completed); !got.FinalEventPending {
			t.Fatalf("the record is %+v", got)
		}
		if err := two.Remove(t.Context(), id); !errors.Is(err, task.ErrUnavailable) {
			t.Errorf("Remove without a broker: %v", err)
		}
		two.wantStatus(id, task.Completed)
		two.wire.breaks(nil)
		if err := two.Remove(t.Context(), id); err != nil {
			t.Error(err)
		}
		two.wantEvents(id, task.EventStarted, task.EventCompleted, task.EventRemoved)
		pass(2 * oversee)
		two.wantEvents(id, task.EventStarted, task.EventCompleted, task.EventRemoved)
	})
}
