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

func TestOnlyFinishedTasksCanBeRemoved(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.start(work(untilCancelled))
		running, pending := f.run(), f.run()
		synctest.Wait()
		for _, id := range []task.ID{running, pending} {
			if err := f.Remove(t.Context(), id); !errors.Is(err, task.ErrNotFinished) {
				t.Errorf("Remove of an unfinished task: %v", err)
			}
		}
		f.cancel(pending)
		if err := f.Remove(t.Context(), pending); err != nil {
			t.Errorf("Remove of a finished task: %v", err)
		}
		if err := f.Remove(t.Context(), pending); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("Remove of a removed task: %v", err)
		}
		f.wantStatus(running, task.Running)
	})
}

// deserted is a store whose callers go away as soon as a record is deleted.
type deserted struct {
	task.Store
	leave func()
}

func (s deserted) Delete(ctx context.Context, t task.Task) error {
	defer s.leave()
	return s.Store.Delete(ctx, t)
}

func TestARemovalIsToldAlsoWhenItsCallerGoesAway(t *testing.T) { // T3
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, leave := context.WithCancel(t.Context())
		f.store = deserted{f.store, leave}
		f.start(work(succeed))
		id := f.run()
		f.wantStatus(id, task.Completed)
		if err := f.Remove(ctx, id); err != nil {
			t.Errorf("Remove: %v", err)
		}
		f.wantEvents(id, task.EventStarted, task.EventCompleted, task.EventRemoved)
	})
}

func TestTheCleanerRemovesTasksThatEndedLongEnoughAgo(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.Timeout = 2 * time.Hour
		f.start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
			if f.ids > 1 {
				return untilCancelled(ctx, r)
			}
			return nil, nil
		}))
		done := f.run()
		f.wantStatus(done, task.Completed)
		running := f.run()
		pass(599 * time.Second)
		f.wantStatus(done, task.Completed)
		pass(61 * time.Second)
		if _, err := f.Get(t.Context(), done); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("after eleven minutes: %v", err)
		}
		pass(time.Hour)
		f.wantStatus(running, task.Running)
	})
}

func TestTheCleanerRemovesEverythingInOneSweep(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.QueueSize = 2000
		f.start(work(succeed))
		for range 1200 {
			f.run()
		}
		synctest.Wait()
		if f.logs.Has("level=ERROR") {
			t.Error("there are errors in the log")
		}
		pass(601 * time.Second)
		if left, _, err := f.List(t.Context(), task.Query{}); err != nil || len(left) != 0 {
			t.Errorf("%d tasks are left, error %v", len(left), err)
		}
	})
}

func TestTheTaskThatEndedFirstIsRemovedFirst(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.RetentionCount = 1
		f.start(outsideType(task.Policy{Lease: time.Hour}))
		f.begin("outside")
		f.begin("outside")
		older, newer := f.claim(), f.claim()
		pass(time.Second)
		for _, c := range []task.Claim{newer, older} {
			if err := f.completes(c); err != nil {
				t.Error(err)
			}
			pass(time.Second)
		}
		if _, err := f.Get(t.Context(), newer.Task.ID); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("the task that ended first: %v", err)
		}
		f.wantStatus(older.Task.ID, task.Completed)
	})
}
