package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// takeOver makes the record that of an attempt which another node runs.
func (f *fixture) takeOver(id task.ID) {
	f.t.Helper()
	record, err := f.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	record.Status, record.Lease = task.Running, "another's"
	if _, err := f.store.Update(f.t.Context(), record); err != nil {
		f.t.Fatal(err)
	}
}

func TestANodeThatLostATaskToAnotherChangesNothing(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.start(work(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Second)
			r.Value(0.5)
			return nil, nil
		}), outsideType(task.Policy{}))
		here := f.run()
		f.begin("outside")
		c := f.claim()
		synctest.Wait()
		f.takeOver(here)
		f.takeOver(c.Task.ID)
		if stop, err := f.Progress(t.Context(), c.Task.ID, c.Lease, task.Update{Value: new(0.5)}); stop || err != nil && !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("Progress: %v, %v", stop, err) // it may have noticed already
		}
		synctest.Wait()
		if err := f.completes(c); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("Complete: %v", err)
		}
		pass(time.Minute)
		for _, id := range []task.ID{here, c.Task.ID} {
			if got := f.wantStatus(id, task.Running); got.Progress.Value != 0 {
				t.Errorf("the progress is %v", got.Progress)
			}
		}
		f.wantEvents(here, task.EventStarted)
		f.wantEvents(c.Task.ID, task.EventQueued, task.EventStarted)
		if running, _ := f.Counts(); running != 0 {
			t.Errorf("%d run", running)
		}
	})
}

func TestEachAttemptHasALeaseOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var first task.Task
		f.store = &faultyStore{Store: f.store, taken: true, afterUpdate: func(t task.Task) error {
			if first.Lease != "" {
				return nil
			}
			first = t
			return errDown // it is begun, and this node does not learn of it
		}}
		f.start(work(untilCancelled))
		id := f.run()
		synctest.Wait()
		record, err := f.store.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		record.Status, record.Lease, record.Attempt = task.Pending, "", 2 // by another node
		if _, err := f.store.Update(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if got := f.wantStatus(id, task.Running); got.Lease == first.Lease || got.Attempt != 2 {
			t.Errorf("attempt %d has the lease of attempt %d", got.Attempt, first.Attempt)
		}
	})
}

func TestATaskThatAnotherNodeBeganIsNotBegunHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.start(work(succeed), outsideType(task.Policy{}))
		id := f.begin("outside")
		f.takeOver(id)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if c, err := f.Claim(ctx, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
			t.Errorf("Claim = %+v, %v", c, err)
		}
		f.wantEvents(id, task.EventQueued)
		if running, queued := f.Counts(); running != 0 || queued != 0 {
			t.Errorf("%d run and %d wait", running, queued)
		}
	})
}
