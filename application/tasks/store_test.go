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

// faultyStore does what the test wants before it stores anything.
type faultyStore struct {
	task.Store
	beforeCreate func()
	beforeUpdate func(t task.Task) error
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
	return s.Store.Update(ctx, t)
}

func halfway(_ context.Context, r task.Reporter) (json.RawMessage, error) {
	r.Value(0.5)
	return nil, nil
}

func TestAChangeThatIsNotStoredIsNotToldOfAndTheWorkerGoesOn(t *testing.T) { // T11
	down := errors.New("the store is down")
	for name, c := range map[string]struct {
		fails func(task.Task) bool
		want  []task.EventType
		log   string
	}{
		"that it runs": {
			func(t task.Task) bool { return t.Status == task.Running },
			nil, "could not be begun",
		},
		"its progress": {
			func(t task.Task) bool { return t.Progress.Value > 0 },
			[]task.EventType{task.EventStarted, task.EventCompleted},
			"progress could not be recorded",
		},
		"its end": {
			func(t task.Task) bool { return t.Status.Terminal() },
			[]task.EventType{task.EventStarted, task.EventProgress},
			"record could not be changed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.cfg.MaxWorkers = 1
				store := &faultyStore{Store: f.store, beforeUpdate: func(t task.Task) error {
					if t.ID == "task-1" && c.fails(t) {
						return down
					}
					return nil
				}}
				f.store = store
				f.start(work(halfway))
				f.wantEvents(f.run(), c.want...)
				if !f.logs.has("level=ERROR", "task_id=task-1", c.log, "the store is down") {
					t.Error("it is not in the log")
				}
				last := f.wantEvents(f.run(), task.EventStarted, task.EventProgress, task.EventCompleted)[2]
				if running, _ := f.Counts(); running != 0 || last.Seq != 3 {
					t.Errorf("%d run, the last seq is %d", running, last.Seq)
				}
			})
		})
	}
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
		if f.logs.has("level=ERROR") {
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
			if _, err := f.Start(t.Context(), "work", nil, ""); !errors.Is(err, task.ErrShuttingDown) {
				t.Errorf("Start: %v", err)
			}
		}()
		synctest.Wait()
		f.stop(10 * time.Second)
		f.wantEvents("task-1", task.EventCancelled)
	})
}
