package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/application/tasks"
	"heliograph/domain/task"
	"heliograph/test/mocks"
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

func TestTheJanitorRemovesTasksThatEndedLongEnoughAgo(t *testing.T) { // T9
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

func TestATypeSaysHowLongItsOwnTasksAreKept(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		short, long := work(succeed), task.Type{Name: "long", Handler: handler(succeed), Policy: task.Policy{Keep: time.Hour}}
		short.Policy.Keep = 10 * time.Second
		other := task.Type{Name: "other", Handler: handler(succeed)}
		f.start(short, long, other)
		first, second, third := f.run(), f.begin("long"), f.begin("other")
		for _, c := range []struct {
			after time.Duration
			gone  task.ID
			there []task.ID
		}{
			{9 * time.Second, "", []task.ID{first, second, third}},
			{2*time.Second + 1, first, []task.ID{second, third}},
			{11 * time.Minute, third, []task.ID{second}},
			{55 * time.Minute, second, nil},
		} {
			pass(c.after)
			for _, id := range c.there {
				f.wantStatus(id, task.Completed)
			}
			if _, err := f.Get(t.Context(), c.gone); !errors.Is(err, task.ErrNotFound) {
				t.Errorf("%s is still there: %v", c.gone, err)
			}
		}
	})
}

func TestTheJanitorRemovesEverythingInOneSweep(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.QueueSize = 2000
		f.start(work(succeed))
		for range 1200 {
			f.run()
		}
		synctest.Wait()
		if f.logs.has("level=ERROR") {
			t.Error("there are errors in the log")
		}
		pass(601 * time.Second)
		if left, _, err := f.List(t.Context(), task.Query{}); err != nil || len(left) != 0 {
			t.Errorf("%d tasks are left, error %v", len(left), err)
		}
	})
}

func TestOnlySoManyFinishedTasksAreKept(t *testing.T) { // T9
	for name, c := range map[string]struct {
		cfg  tasks.Config
		want int // of ten tasks with 100 bytes each
	}{
		"by number":                  {tasks.Config{RetentionCount: 3}, 3},
		"by size":                    {tasks.Config{RetentionBytes: 450}, 4},
		"the newest however large":   {tasks.Config{RetentionBytes: 1}, 1},
		"all of them without bounds": {tasks.Config{}, 10},
		"by whichever is less":       {tasks.Config{RetentionCount: 2, RetentionBytes: 450}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.cfg = c.cfg
				f.start(work(give(`"` + strings.Repeat("x", 98) + `"`)))
				for range 10 {
					pass(time.Second)
					f.wantStatus(f.run(), task.Completed)
				}
				left, _, err := f.List(t.Context(), task.Query{})
				if err != nil || len(left) != c.want || left[0].ID != "task-10" || left[len(left)-1].ID != task.ID(fmt.Sprint("task-", 11-c.want)) {
					t.Errorf("%d tasks are left: %+v, %v", len(left), left, err)
				}
			})
		})
	}
}

func TestTheOneThatEndedFirstGoesFirst(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.RetentionCount = 1
		f.start(far(task.Policy{Lease: time.Hour}))
		f.begin("far")
		f.begin("far")
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

func TestTheJanitorSurvivesAStoreThatFails(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		old := task.Task{ID: "old", Status: task.Failed}
		store := mocks.NewMockTaskStore(gomock.NewController(t))
		gomock.InOrder(
			store.EXPECT().Expired(gomock.Any(), gomock.Any()).Return(nil, errors.New("no list")),
			store.EXPECT().Expired(gomock.Any(), gomock.Any()).Return([]task.Task{old}, nil),
			store.EXPECT().Delete(gomock.Any(), old).Return(errors.New("no delete")),
			store.EXPECT().Expired(gomock.Any(), gomock.Any()).Return([]task.Task{old}, nil),
			store.EXPECT().Delete(gomock.Any(), old).Return(nil),
		)
		f.store = store
		f.start(work(succeed))
		pass(3 * time.Minute)
		if !f.logs.has("no list") || !f.logs.has("task_id=old", "no delete") {
			t.Error("the failures are not in the log")
		}
	})
}
