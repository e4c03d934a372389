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

// everyWork selects all tasks of the type "work".
var everyWork = task.Query{Type: "work"}

func TestCancelAllEndsAndStopsEverythingThatWaitsAndRuns(t *testing.T) { // T17, T7, T11
	synctest.Test(t, func(t *testing.T) {
		const many = 150
		f := newFixture(t)
		f.cfg.MaxWorkers, f.cfg.QueueSize = 3, many
		f.start(work(untilCancelled))
		for range many {
			f.run()
		}
		synctest.Wait()
		if n, err := f.CancelAll(t.Context(), everyWork); n != many || err != nil {
			t.Errorf("CancelAll returned %d, %v", n, err)
		}
		synctest.Wait()
		all, _, err := f.List(t.Context(), task.Query{Status: task.Cancelled})
		if len(all) != many || err != nil {
			t.Errorf("cancelled are %d, %v", len(all), err)
		}
		f.wantLawful()
		if n, err := f.CancelAll(t.Context(), everyWork); n != 0 || err != nil {
			t.Errorf("again it returned %d, %v", n, err)
		}
	})
}

func TestCancelAllGoesOnWhenTheCallerHasGone(t *testing.T) { // T17
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.build(work(succeed)) // nothing runs
		f.wire.slow = func() time.Duration { return time.Second }
		for range 40 {
			f.run()
		}
		caller, leaves := context.WithCancel(t.Context())
		first := make(chan int)
		go func() {
			n, err := f.CancelAll(caller, everyWork)
			if err != nil {
				t.Errorf("CancelAll: %v", err)
			}
			first <- n
		}()
		synctest.Wait() // it is under way
		if n, err := f.CancelAll(caller, task.Query{}); n != 0 || !errors.Is(err, task.ErrNoFilter) {
			t.Errorf("without a filter it returned %d, %v", n, err)
		}
		second := make(chan error)
		go func() { _, err := f.CancelAll(caller, everyWork); second <- err }()
		synctest.Wait()
		leaves()
		if err := <-second; !errors.Is(err, context.Canceled) { // one that waited was not begun
			t.Errorf("the second call: %v", err)
		}
		if n := <-first; n != 40 {
			t.Errorf("cancelled are %d", n)
		}
		f.stop(time.Minute)
	})
}

func TestCancelAllStopsAtAStoreThatTakesNothing(t *testing.T) { // T17
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		fails := false
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(task.Task) error {
			if fails {
				return task.ErrUnavailable
			}
			return nil
		}}
		f.build(work(func(context.Context, task.Reporter) (json.RawMessage, error) { return nil, nil }))
		for range 70 {
			f.run()
		}
		fails = true
		began := time.Now()
		if n, err := f.CancelAll(t.Context(), everyWork); n != 0 || !errors.Is(err, task.ErrUnavailable) {
			t.Errorf("CancelAll returned %d, %v", n, err)
		}
		if took := time.Since(began); took > 6*time.Second { // as long as one task's cancellation may
			t.Errorf("it took %s", took)
		}
		fails = false
		if n, err := f.CancelAll(t.Context(), everyWork); n != 70 || err != nil {
			t.Errorf("again it returned %d, %v", n, err)
		}
		f.stop(time.Minute)
	})
}
