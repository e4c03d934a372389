package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/application/tasks"
	"heliograph/domain/task"
	"heliograph/test/mocks"
)

func TestStartReturnsAtOnceWithAPendingTask(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(untilCancelled))
		began := time.Now()
		got, err := f.Start(t.Context(), task.Request{Type: "work", Params: json.RawMessage(`{"a":1}`)})
		if err != nil || got.Status != task.Pending || got.ID == "" || got.Attempt != 1 || got.Seq != 0 {
			t.Errorf("Start = %+v, %v", got, err)
		}
		if !time.Now().Equal(began) || !got.Created.Equal(began) || got.Created.Location() != time.UTC {
			t.Errorf("created at %s, began at %s", got.Created, began)
		}
		if running := f.wantStatus(got.ID, task.Running); string(running.Params) != `{"a":1}` || running.Started.IsZero() {
			t.Errorf("the record is %+v", running)
		}
	})
}

func TestWorkersRunInTheOrderOfStartingAndNoMoreAtOnceThanThereAre(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 2
		f.start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Second)
			return nil, nil
		}))
		ids := []task.ID{f.run(), f.run(), f.run(), f.run(), f.run()}
		for _, want := range [][2]int{{2, 3}, {2, 1}, {1, 0}, {0, 0}} {
			synctest.Wait()
			if running, queued := f.Counts(); running != want[0] || queued != want[1] {
				t.Errorf("%d run and %d wait, want %v", running, queued, want)
			}
			pass(time.Second)
		}
		for i, id := range ids {
			done := f.wantStatus(id, task.Completed)
			if waited := done.Started.Sub(done.Created); waited != time.Duration(i/2)*time.Second {
				t.Errorf("task %d waited %s", i, waited)
			}
		}
	})
}

func TestAFullQueueRefusesAndAcceptsAgainWhenASlotIsFree(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers, f.cfg.QueueSize = 1, 2
		f.start(work(untilCancelled))
		runs, waits, last := f.run(), f.run(), f.run()
		f.wantFull("work")
		f.cancel(waits) // frees its slot at once
		f.run()
		f.wantFull("work")
		f.cancel(runs)
		f.wantStatus(last, task.Running)
		f.run()
		f.wantFull("work")
	})
}

func (f *fixture) wantFull(typ string) {
	f.t.Helper()
	if _, err := f.Start(f.t.Context(), task.Request{Type: typ}); !errors.Is(err, task.ErrQueueFull) {
		f.t.Errorf("Start of %s with a full queue: %v", typ, err)
	}
}

func TestARefusedStartChangesNothing(t *testing.T) { // S3
	f := newFixture(t)
	f.build(work(succeed))
	for _, c := range []struct {
		typ, params, key string
		want             error
	}{
		{"other", ``, "", task.ErrUnknownType},
		{"", ``, "", task.ErrUnknownType},
		{"wor", ``, "", task.ErrUnknownType},
		{strings.Repeat("x", 1<<20), ``, "", task.ErrUnknownType},
		{"work", `"bad"`, "", task.ErrInvalidParams},
		{"work", `"bad"`, "new", task.ErrInvalidParams},
		{"work", ``, strings.Repeat("k", 256), task.ErrInvalidParams},
	} {
		_, err := f.Start(t.Context(), task.Request{Type: c.typ, Params: json.RawMessage(c.params), Key: c.key})
		if !errors.Is(err, c.want) || len(err.Error()) > 1000 {
			t.Errorf("Start(%.20q, %s, %.20q): %.100v, want %v", c.typ, c.params, c.key, err, c.want)
		}
	}
	if all, _, err := f.List(t.Context(), task.Query{}); err != nil || len(all) != 0 {
		t.Errorf("the store has %d tasks, error %v", len(all), err)
	}
}

func TestStartingWithAUsedKeyReturnsTheFirstTask(t *testing.T) { // T14
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers, f.cfg.QueueSize = 1, 1
		f.start(work(untilCancelled))
		first := f.startKeyed("key")
		if again := f.startKeyed("key"); again.ID != first.ID {
			t.Errorf("the key gave %s, then %s", first.ID, again.ID)
		}
		synctest.Wait()
		if running, queued := f.Counts(); running+queued != 1 {
			t.Errorf("%d run and %d wait", running, queued)
		}
		f.run()
		f.wantFull("work") // the repetition took no slot
		if again := f.startKeyed("key"); again.ID != first.ID {
			t.Errorf("with a full queue the key gave %s, then %s", first.ID, again.ID)
		}
		for typ, params := range map[string]string{"work": `"bad"`, "other": ``} {
			if again, err := f.Start(t.Context(), task.Request{Type: typ, Params: json.RawMessage(params), Key: "key"}); again.ID != first.ID || err != nil {
				t.Errorf("with the type %s and params %s the key gave %s, %v", typ, params, again.ID, err)
			}
		}
		if _, err := f.Start(t.Context(), task.Request{Type: "work", Key: "new"}); !errors.Is(err, task.ErrQueueFull) {
			t.Errorf("a new key with a full queue: %v", err)
		}
	})
}

func (f *fixture) startKeyed(key string) task.Task {
	f.t.Helper()
	t, err := f.Start(f.t.Context(), task.Request{Type: "work", Key: key})
	if err != nil {
		f.t.Fatalf("start with key %s: %v", key, err)
	}
	return t
}

func TestOfManyThatStartWithOneKeyOneTaskRuns(t *testing.T) { // T14
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed))
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { f.startKeyed("key") })
		}
		all.Wait()
		synctest.Wait()
		if list, _, err := f.List(t.Context(), task.Query{}); err != nil || len(list) != 1 {
			t.Errorf("there are %d tasks, error %v", len(list), err)
		}
		if got := f.metrics.ended[task.Completed]; got != 1 {
			t.Errorf("%d tasks ran", got)
		}
	})
}

func TestAStoreThatFailsFailsTheStartAndKeepsNoSlot(t *testing.T) {
	f := newFixture(t)
	f.cfg.MaxWorkers, f.cfg.QueueSize = 1, 1
	broken := errors.New("the store is broken")
	store := mocks.NewMockTaskStore(gomock.NewController(t))
	store.EXPECT().Create(gomock.Any(), gomock.Any()).Return(task.Task{}, broken).Times(10) // each is tried twice
	f.store = store
	f.build(work(succeed))
	for range 5 {
		if _, err := f.Start(t.Context(), task.Request{Type: "work", Key: "key"}); !errors.Is(err, broken) {
			t.Errorf("Start: %v", err)
		}
	}
}

func TestNewRefusesSettingsThatCannotWork(t *testing.T) {
	good := work(succeed)
	for name, c := range map[string]struct {
		cfg   tasks.Config
		types []task.Type
	}{
		"negative workers": {cfg: tasks.Config{MaxWorkers: -1}},
		"negative time":    {cfg: tasks.Config{Timeout: -1}},
		"tiny events":      {cfg: tasks.Config{MaxEventBytes: 100}},
		"no name":          {types: []task.Type{{Handler: good.Handler}}},
		"no handler":       {types: []task.Type{{Name: "x"}}},
		"negative policy":  {types: []task.Type{{Name: "x", Handler: good.Handler, Policy: task.Policy{Lease: -1}}}},
		"same name twice":  {types: []task.Type{good, {Name: "x", Handler: good.Handler}, good}},
	} {
		if _, err := tasks.New(c.cfg, tasks.Deps{Types: c.types}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTypesAreListedByName(t *testing.T) {
	f := newFixture(t)
	f.build(task.Type{Name: "b", Handler: handler(succeed)}, task.Type{Name: "a", Handler: handler(succeed)})
	if got, err := f.Types(t.Context()); err != nil || len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" {
		t.Errorf("Types() = %v, %v", got, err)
	}
}
