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

// faultyStore does what the test wants before it stores anything.
type faultyStore struct {
	task.Store
	beforeCreate func()
	beforeUpdate func(t task.Task) error
	// afterUpdate makes the answer of Update an error; taken says whether the store
	// has the change then.
	afterUpdate func(t task.Task) error
	taken       bool
}

func (s *faultyStore) Create(ctx context.Context, t task.Task) (task.Task, error) {
	if s.beforeCreate != nil {
		s.beforeCreate()
	}
	return s.Store.Create(ctx, t)
}

func (s *faultyStore) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if s.beforeUpdate != nil {
		if err := s.beforeUpdate(t); err != nil {
			return task.Task{}, err
		}
	}
	if s.afterUpdate == nil {
		return s.Store.Update(ctx, t)
	}
	err := s.afterUpdate(t)
	if err == nil || s.taken {
		stored, updated := s.Store.Update(ctx, t)
		return stored, errors.Join(err, updated)
	}
	return task.Task{}, err
}

func halfway(_ context.Context, r task.Reporter) (json.RawMessage, error) {
	r.Value(0.5)
	return nil, nil
}

func TestAChangeThatTheStoreDoesNotTakeIsRetriedAndPublishedOnce(t *testing.T) { // T11
	for name, fails := range map[string]func(task.Task) bool{
		"that it runs":        func(t task.Task) bool { return t.Status == task.Running && t.Progress.Value == 0 },
		"its end":             func(t task.Task) bool { return t.Status.Terminal() },
		"everything about it": func(task.Task) bool { return true },
	} {
		for _, taken := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, taken all the same: %v", name, taken), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { tryAgain(t, fails, taken) })
			})
		}
	}
}

// tryAgain has the store fail four times; taken says whether it then has the
// change all the same.
func tryAgain(t *testing.T, fails func(task.Task) bool, taken bool) {
	t.Helper()
	f := newFixture(t)
	f.cfg.MaxWorkers = 1
	left := 4
	f.store = &faultyStore{Store: f.store, afterUpdate: func(record task.Task) error {
		if record.ID == "task-1" && fails(record) && left > 0 {
			left--
			return errDown
		}
		return nil
	}, taken: taken}
	f.start(work(halfway))
	id := f.run()
	pass(time.Minute)
	events := f.wire.of(id)
	if first, last := events[0], events[len(events)-1]; first.Type != task.EventStarted || last.Type != task.EventCompleted || len(events) > 3 {
		t.Errorf("the events are %+v", events)
	}
	if !f.logs.Has("task_id=task-1", "could not be", errDown.Error()) {
		t.Error("it is not in the log")
	}
	f.stop(time.Minute)
	f.wantLawful()
}

var errDown = errors.New("the store is down")

func TestATaskThatCannotBeBegunYetKeepsNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(t task.Task) error {
			if t.ID == "task-1" {
				return errDown
			}
			return nil
		}}
		f.start(work(succeed))
		f.run()
		f.wantStatus(f.run(), task.Completed)
		f.wantStatus("task-1", task.Pending)
	})
}

// A disk that is full for a minute is one warning every ten seconds, however many
// tasks wait (17.L19).
func TestAStoreThatTakesNothingIsNotWarnedOfForEachTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var down atomic.Bool
		down.Store(true)
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(task.Task) error {
			if down.Load() {
				return errDown
			}
			return nil
		}}
		f.start(work(succeed))
		ids := make([]task.ID, 50)
		for i := range ids {
			ids[i] = f.run()
		}
		pass(time.Minute)
		if n := f.logs.Count("level=WARN", "could not be"); n < 2 || n > 7 {
			t.Errorf("%d warnings in a minute", n)
		}
		if !f.logs.Has("could not be begun yet", "more_since_the_last=") {
			t.Error("it is not said how much was left out")
		}
		down.Store(false)
		pass(10 * time.Second)
		for _, id := range ids {
			f.wantStatus(id, task.Completed)
		}
	})
}

// While the store takes nothing, a worker elsewhere hears at once that the end of
// its task is not recorded yet (17.L19).
func TestCompleteDoesNotWaitForAStoreThatTakesNothing(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var down atomic.Bool
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(task.Task) error {
			if down.Load() {
				return errDown
			}
			return nil
		}}
		f.start(outsideType(task.Policy{}))
		f.begin("outside")
		c := f.claim()
		down.Store(true)
		for range 3 { // it asks again
			began := time.Now()
			if err := f.completes(c); !errors.Is(err, task.ErrUnavailable) || time.Since(began) > 0 {
				t.Errorf("Complete: %v, after %s", err, time.Since(began))
			}
			pass(time.Second)
		}
		down.Store(false)
		pass(10 * time.Second)
		if err := f.completes(c); err != nil {
			t.Errorf("Complete when the store is back: %v", err)
		}
		f.wantStatus(c.Task.ID, task.Completed)
		f.wantEvents(c.Task.ID, task.EventQueued, task.EventStarted, task.EventCompleted)
	})
}

func TestProgressThatIsNotStoredIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(t task.Task) error {
			if t.Status == task.Running && t.Progress.Value > 0 {
				return errDown
			}
			return nil
		}}
		f.start(work(halfway))
		f.wantEvents(f.run(), task.EventStarted, task.EventCompleted)
		if !f.logs.Has("level=WARN", "task_id=task-1", "progress could not be recorded") {
			t.Error("it is not in the log")
		}
	})
}

func TestProgressWaitsForAStoreThatIsAwayAndTheLogSaysSoOnce(t *testing.T) { // E10, T4
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.start(work(flood(10 * time.Second)))
		id := f.run()
		pass(time.Second)
		f.link.cut.Store(true)
		before := len(f.wire.of(id))
		pass(3 * time.Second)
		f.link.cut.Store(false)
		pass(5 * time.Second)
		if got := len(f.wire.of(id)); got == before {
			t.Error("no progress went out after the store was back")
		}
		if lines := f.logs.Count("task_id="+string(id), "progress could not be recorded"); lines != 1 {
			t.Errorf("%d lines in the log", lines)
		}
		pass(10 * time.Second)
		events := f.wire.of(id)
		if last, end := events[len(events)-2], events[len(events)-1]; string(last.Data) != `{"text":"last","value":1}` || end.Type != task.EventCompleted {
			t.Errorf("the last events are %s, %s", last.Data, end.Type)
		}
	})
}

func TestAStoreThatStaysAwayDoesNotKeepStopFromReturning(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var down atomic.Bool
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(task.Task) error {
			if down.Load() {
				return errDown
			}
			return nil
		}}
		f.cfg.MaxWorkers = 1
		f.start(work(untilCancelled))
		f.run()
		f.run()
		synctest.Wait()
		down.Store(true)
		f.stop(30 * time.Second)
		if !f.logs.Has("level=ERROR", "task_id=task-1", "record could not be changed") {
			t.Error("it is not in the log")
		}
	})
}

func TestATaskThatCouldNotBeBegunBeforeShutdownIsCancelled(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(record task.Task) error {
			if record.Status != task.Running {
				return nil
			}
			<-time.After(time.Second) // and shutdown begins meanwhile
			return errDown
		}}
		f.start(work(succeed), outsideType(task.Policy{}))
		here, there := f.run(), f.begin("outside")
		go func() {
			if _, err := f.Claim(t.Context(), []string{"outside"}, ""); !errors.Is(err, task.ErrShuttingDown) {
				t.Errorf("Claim: %v", err)
			}
		}()
		synctest.Wait()
		f.stop(time.Minute)
		f.wantEvents(here, task.EventCancelled)
		f.wantEvents(there, task.EventQueued, task.EventCancelled)
	})
}

func TestACancellationWhoseAnswerWasLostIsPublishedOnce(t *testing.T) { // T7, T11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		left := 2
		f.store = &faultyStore{Store: f.store, taken: true, afterUpdate: func(task.Task) error {
			if left--; left >= 0 {
				return errDown
			}
			return nil
		}}
		f.build(work(succeed))
		id := f.run()
		f.cancel(id)
		f.wantEvents(id, task.EventCancelled)
	})
}

func TestATaskThatWasRecordedThoughTheStoreFailedIsStarted(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store = &lossyCreate{Store: f.store}
		f.start(work(succeed))
		f.wantStatus(f.run(), task.Completed)
	})
}

// lossyCreate loses the first answer of Create.
type lossyCreate struct {
	task.Store
	lost bool
}

func (s *lossyCreate) Create(ctx context.Context, t task.Task) (task.Task, error) {
	stored, err := s.Store.Create(ctx, t)
	if !s.lost {
		s.lost = true
		return task.Task{}, errDown
	}
	return stored, err
}

func TestAConflictIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		left := 3
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(task.Task) error {
			if left--; left >= 0 {
				return task.ErrConflict
			}
			return nil
		}}
		f.start(work(halfway))
		f.wantEvents(f.run(), task.EventStarted, task.EventProgress, task.EventCompleted)
	})
}

func TestATaskCancelledJustBeforeItBeginsDoesNotRun(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store = &faultyStore{Store: f.store, beforeUpdate: func(record task.Task) error {
			if record.Status == task.Running {
				f.cancel(record.ID) // between the worker's reading and its writing
			}
			return nil
		}}
		f.start(work(halfway))
		f.wantEvents(f.run(), task.EventCancelled)
		if f.logs.Has("level=ERROR") {
			t.Error("something normal was logged as an error")
		}
	})
}

func TestATaskThatIsRecordedWhileStopBeginsIsCancelled(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store = &faultyStore{Store: f.store, beforeCreate: func() { <-time.After(time.Second) }}
		f.start(work(halfway))
		go func() {
			if _, err := f.Start(t.Context(), task.Request{Type: "work"}); !errors.Is(err, task.ErrShuttingDown) {
				t.Errorf("Start: %v", err)
			}
		}()
		synctest.Wait()
		f.stop(10 * time.Second)
		f.wantEvents("task-1", task.EventQueued, task.EventCancelled)
	})
}
