package tasks_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// restarted returns a fixture with the store and the broker of f, as after a
// restart of the service.
func (f *fixture) restarted() *fixture {
	next := newFixture(f.t)
	next.cfg, next.store, next.wire = f.cfg, f.store, f.wire
	next.link.durable = f.link.durable
	next.ids = f.ids
	return next
}

func TestWithADurableStorePendingTasksGoOnAfterARestart(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers, f.link.durable = 1, true
		f.start(work(untilCancelled), outsideType(task.Policy{}))
		running, first, second, outside := f.run(), f.run(), f.run(), f.begin("outside")
		synctest.Wait()
		f.stop(30 * time.Second)
		f.wantStatus(running, task.Cancelled)
		for _, id := range []task.ID{first, second, outside} {
			f.wantStatus(id, task.Pending)
		}

		next := f.restarted()
		next.start(work(succeed), outsideType(task.Policy{}))
		next.wantStatus(first, task.Completed)
		next.wantStatus(second, task.Completed)
		ended := slices.DeleteFunc(slices.Clone(next.wire.events), func(e sent) bool { return e.Type != task.EventCompleted })
		slices.SortFunc(ended, func(a, b sent) int { return cmp.Compare(a.record.Revision, b.record.Revision) }) // those of different tasks go out in any order
		if len(ended) != 2 || ended[0].TaskID != first {
			t.Errorf("the younger one came first: %+v", ended)
		}
		if err := next.completes(next.claim()); err != nil {
			t.Error(err)
		}
		next.stop(time.Minute)
		next.wantLawful()
	})
}

func TestWithADurableStoreAWorkerOutsideOutlivesARestart(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		lease := outsideType(task.Policy{Lease: time.Minute, Timeout: time.Hour})
		f.start(lease)
		for range 3 {
			f.begin("outside")
		}
		alive, dead, cancelled := f.claim(), f.claim(), f.claim()
		f.cancel(cancelled.Task.ID)
		f.report(alive, task.Update{Value: new(0.5)}, false, nil)
		synctest.Wait()
		f.stop(30 * time.Second)
		f.report(alive, task.Update{}, false, task.ErrShuttingDown)
		if err := f.completes(alive); !errors.Is(err, task.ErrShuttingDown) {
			t.Errorf("Complete without a service: %v", err)
		}
		pass(10 * time.Minute)

		next := f.restarted()
		next.start(lease)
		next.report(cancelled, task.Update{}, true, nil)
		if err := next.fails(cancelled); err != nil {
			t.Error(err)
		}
		pass(time.Minute - 1)
		next.report(alive, task.Update{Value: new(0.3)}, false, nil)
		pass(1)
		next.wantStatus(dead.Task.ID, task.Failed)
		if err := next.completes(alive); err != nil {
			t.Error(err)
		}
		next.wantEvents(alive.Task.ID, task.EventQueued, task.EventStarted, task.EventProgress, task.EventProgress, task.EventCompleted)
		next.stop(time.Minute)
		next.wantLawful()
	})
}

func TestTheTimeLimitGoesOnOverARestart(t *testing.T) { // T8
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		slow := outsideType(task.Policy{Lease: time.Hour, Timeout: time.Hour})
		f.start(slow)
		id := f.begin("outside")
		f.claim()
		f.stop(30 * time.Second)
		pass(50 * time.Minute)
		next := f.restarted()
		next.start(slow)
		pass(10 * time.Minute)
		if got := next.wantStatus(id, task.Failed); got.Error != "the task exceeded its time limit of 1h0m0s" {
			t.Errorf("the record is %+v", got)
		}
	})
}

func TestWithADurableStoreTasksThatACrashEndedFailOrAreTriedAgain(t *testing.T) { // T2
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		store := f.store
		crashed := false
		f.store = &faultyStore{Store: store, beforeUpdate: func(task.Task) error {
			if crashed {
				return errDown
			}
			return nil
		}}
		twice := task.Type{Name: "twice", Handler: handler(untilCancelled), Policy: task.Policy{Attempts: 2}}
		f.start(work(untilCancelled), twice, task.Type{Name: "gone", Handler: handler(untilCancelled)})
		once, again, gone := f.run(), f.begin("twice"), f.begin("gone")
		synctest.Wait()
		crashed = true
		f.stop(30 * time.Second)

		next := f.restarted()
		next.store = store
		twice.Handler = handler(func(context.Context, task.Reporter) (json.RawMessage, error) { return nil, nil })
		next.start(work(succeed), twice)
		for _, id := range []task.ID{once, gone} {
			if got := next.wantStatus(id, task.Failed); got.Error != "node_lost: the node that ran the task is gone: one" || got.ErrorCode != task.CodeNodeLost {
				t.Errorf("the error is %q", got.Error)
			}
		}
		pass(2 * time.Second)
		next.wantStatus(again, task.Completed)
		next.stop(time.Minute)
		next.wantLawful()
	})
}

func TestWithADurableStoreTheFinalEventIsPublishedAfterACrash(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		f.start(work(succeed))
		old := f.run()
		pass(2 * time.Minute)
		published := f.run()
		synctest.Wait()
		f.wire.breaks(errors.New("the process dies here"))
		hidden := f.run()
		synctest.Wait()
		f.stop(time.Minute)
		f.wire.breaks(nil)

		next := f.restarted()
		next.start(work(succeed))
		next.wantEvents(hidden, task.EventCompleted)
		for _, id := range []task.ID{old, published} {
			next.wantEvents(id, task.EventStarted, task.EventCompleted)
		}
	})
}

func TestATypeThatIsGoneKeepsItsOwnWaitingTasksOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers, f.link.durable = 1, true
		f.start(work(untilCancelled), task.Type{Name: "gone", Handler: handler(succeed)})
		f.run()
		id := f.begin("gone")
		synctest.Wait()
		f.stop(30 * time.Second)
		next := f.restarted()
		next.start(work(succeed))
		next.wantStatus(id, task.Pending)
		next.cancel(id)
		next.wantStatus(id, task.Cancelled)
		if !next.logs.Has("level=WARN", "type=gone", "not known here") {
			t.Error("it is not in the log")
		}
	})
}
