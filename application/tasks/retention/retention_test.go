package retention_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks/retention"
	"heliograph/domain/task"
	"heliograph/test/logs"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a Cleaner at work on a store.
type fixture struct {
	*retention.Cleaner
	t     *testing.T
	store task.Store
	logs  logs.Logs
	tasks int // that were created
}

// start runs a cleaner until the test's end.
func start(t *testing.T, store task.Store, rules task.Retention, types ...task.Type) *fixture {
	t.Helper()
	f := &fixture{t: t, store: store}
	f.Cleaner = retention.New(store, rules, types, f.logs.Logger())
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		f.Serve(t.Context(), stop)
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
	})
	return f
}

// ends has a task of the type end with that result.
func (f *fixture) ends(typ, result string) task.ID {
	f.t.Helper()
	f.tasks++
	t, err := f.store.Create(f.t.Context(), task.Task{ID: task.ID(fmt.Sprint("task-", f.tasks)), Type: typ, Status: task.Running, Created: time.Now()})
	if err == nil {
		t.Status, t.Ended, t.Result = task.Completed, time.Now(), json.RawMessage(result)
		t, err = f.store.Update(f.t.Context(), t)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.Ended(t)
	return t.ID
}

func (f *fixture) has(id task.ID) bool {
	f.t.Helper()
	_, err := f.store.Get(f.t.Context(), id)
	if err != nil && !errors.Is(err, task.ErrNotFound) {
		f.t.Fatal(err)
	}
	return err == nil
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestATaskIsRemovedWhenItsTimeIsOverAndNotBefore(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), task.Retention{Age: 600 * time.Second})
		first := f.ends("work", "1")
		pass(300 * time.Second)
		second := f.ends("work", "1")
		pass(299 * time.Second)
		if !f.has(first) || !f.has(second) {
			t.Error("a task was removed too early")
		}
		pass(62 * time.Second)
		if f.has(first) || !f.has(second) {
			t.Errorf("after eleven minutes the first is there: %t, the second: %t", f.has(first), f.has(second))
		}
	})
}

func TestATypeSaysHowLongItsOwnTasksAreKept(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), task.Retention{Age: 600 * time.Second},
			task.Type{Name: "short", Policy: task.Policy{Keep: 10 * time.Second}},
			task.Type{Name: "long", Policy: task.Policy{Keep: time.Hour}},
			task.Type{Name: "other"})
		first, second, third := f.ends("short", "1"), f.ends("long", "1"), f.ends("other", "1")
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
				if !f.has(id) {
					t.Errorf("%s is gone after another %s", id, c.after)
				}
			}
			if f.has(c.gone) {
				t.Errorf("%s is still there after another %s", c.gone, c.after)
			}
		}
	})
}

func TestTheNumberOfFinishedTasksIsBounded(t *testing.T) { // T9
	for name, c := range map[string]struct {
		rules task.Retention
		want  int // of ten tasks with 100 bytes each
	}{
		"by number":                  {task.Retention{Count: 3}, 3},
		"by size":                    {task.Retention{Bytes: 450}, 4},
		"the newest however large":   {task.Retention{Bytes: 1}, 1},
		"all of them without bounds": {task.Retention{}, 10},
		"by whichever is less":       {task.Retention{Count: 2, Bytes: 450}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.rules.Age = 600 * time.Second
				f := start(t, memtaskstore.New(), c.rules)
				for range 10 {
					pass(time.Second)
					f.ends("work", `"`+strings.Repeat("x", 98)+`"`)
				}
				synctest.Wait()
				left, _, err := f.store.List(t.Context(), task.Query{})
				if err != nil || len(left) != c.want || left[0].ID != "task-10" || left[len(left)-1].ID != task.ID(fmt.Sprint("task-", 11-c.want)) {
					t.Errorf("%d tasks are left: %+v, %v", len(left), left, err)
				}
			})
		})
	}
}

func TestTheCleanerSurvivesAStoreThatFails(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		old := task.Task{ID: "old", Status: task.Failed}
		store := mocks.NewMockTaskStore(gomock.NewController(t))
		gomock.InOrder(
			store.EXPECT().Expired(gomock.Any(), gomock.Any()).Return(nil, errors.New("no list")),
			store.EXPECT().Expired(gomock.Any(), gomock.Any()).Return([]task.Task{old}, nil),
			store.EXPECT().Delete(gomock.Any(), old).Return(errors.New("no delete")),
			store.EXPECT().Expired(gomock.Any(), gomock.Any()).Return([]task.Task{old}, nil),
			store.EXPECT().Delete(gomock.Any(), old).Return(nil),
		)
		f := start(t, store, task.Retention{Age: 600 * time.Second})
		pass(3 * time.Minute)
		for _, line := range []string{"no list", "task_id=old", "no delete"} {
			if !strings.Contains(f.logs.String(), line) {
				t.Errorf("%q is not in the log", line)
			}
		}
	})
}

func TestATypeMaySayAnotherTimeLater(t *testing.T) { // T9
	synctest.Test(t, func(t *testing.T) {
		keep := func(d time.Duration) task.Type { return task.Type{Name: "a", Policy: task.Policy{Keep: d}} }
		f := start(t, memtaskstore.New(), task.Retention{Age: 24 * time.Hour})
		id := f.ends("a", `1`)
		f.SetTypes([]task.Type{keep(time.Minute)})
		f.SetTypes([]task.Type{{Name: "b"}}) // a is gone, and as it was last
		pass(67 * time.Second)
		if f.has(id) {
			t.Error("it is kept for longer than a minute")
		}
		id = f.ends("a", `1`)
		f.SetTypes([]task.Type{keep(0)})
		pass(time.Hour)
		if !f.has(id) {
			t.Error("it is not kept for a day")
		}
	})
}
