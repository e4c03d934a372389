package tasks_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// beginsAndLeaves has a worker claim "outside" and go away just when the store takes
// the beginning; with answers, the store's answer arrives.
func (f *fixture) beginsAndLeaves(answers bool) {
	f.t.Helper()
	ctx, leave := context.WithCancel(f.t.Context())
	store := &faultyStore{Store: f.store, taken: true, afterUpdate: func(record task.Task) error {
		if record.Status == task.Running && ctx.Err() == nil {
			leave()
			if !answers {
				return errDown
			}
		}
		return nil
	}}
	f.store = store
	f.start(outsideType(task.Policy{Lease: time.Hour}))
	f.begin("outside")
	if c, err := f.Claim(ctx, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
		f.t.Errorf("a worker that is gone claimed %+v, %v", c, err)
	}
}

func TestATaskIsNotLeasedToAWorkerThatHasGone(t *testing.T) { // T2
	for name, answers := range map[string]bool{"while the task begins": true, "and the store's answer is lost": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.beginsAndLeaves(answers)
				began := time.Now()
				c := f.claim() // and not when the lease has run out
				if waited := time.Since(began); waited > time.Second || c.Task.Attempt != 1 {
					t.Errorf("after %s it was claimed as attempt %d", waited, c.Task.Attempt)
				}
				if err := f.completes(c); err != nil {
					t.Error(err)
				}
				f.wantEvents(c.Task.ID, task.EventQueued, task.EventStarted, task.EventCompleted)
				f.stop(time.Minute)
				f.wantLawful()
			})
		})
	}
}

func TestATaskThatIsCancelledWhileItsWorkerGoesIsCancelled(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var store *faultyStore
		ctx, leave := context.WithCancel(t.Context())
		store = &faultyStore{Store: f.store, beforeUpdate: func(record task.Task) error {
			if record.Status == task.Pending { // it is about to wait again
				store.beforeUpdate = nil
				f.cancelWithoutWaiting(record.ID)
			}
			return nil
		}, afterUpdate: func(record task.Task) error {
			if record.Status == task.Running {
				leave()
			}
			return nil
		}}
		f.store = store
		f.start(outsideType(task.Policy{Lease: time.Hour}))
		id := f.begin("outside")
		if _, err := f.Claim(ctx, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
			t.Errorf("a worker that is gone: %v", err)
		}
		f.wantStatus(id, task.Cancelled)
		f.wantEvents(id, task.EventQueued, task.EventStarted, task.EventCancelRequested, task.EventCancelled)
	})
}

func TestATaskWhoseBeginningWasRecordedButNotAnsweredIsCancelledAtTheStop(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.beginsAndLeaves(false)
		f.stop(time.Minute)
		all, _, err := f.List(t.Context(), task.Query{})
		if err != nil || len(all) != 1 || all[0].Status != task.Cancelled {
			t.Errorf("after the stop: %+v, %v", all, err)
		}
		f.wantLawful()
	})
}
