package tasks_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

func TestPendingTasksRunByPriorityAndThenByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []string
		noting := func(name string, priority int) task.Type {
			return task.Type{Name: name, Policy: task.Policy{Priority: priority}, Handler: handler(
				func(context.Context, task.Reporter) (json.RawMessage, error) {
					ran = append(ran, name)
					return nil, nil
				})}
		}
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Second)
			return nil, nil
		}), noting("low", -1), noting("a", 0), noting("b", 0), noting("high", 7))
		f.run()
		synctest.Wait()
		for _, typ := range []string{"low", "b", "a", "b", "high", "a"} {
			f.begin(typ)
		}
		pass(time.Minute)
		if want := []string{"high", "b", "a", "b", "a", "low"}; !slices.Equal(ran, want) {
			t.Errorf("ran %v, want %v", ran, want)
		}
	})
}

func TestATypeRunsNoMoreTasksAtATimeThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		narrow := work(untilCancelled)
		narrow.Policy.Concurrency = 2
		wide := task.Type{Name: "wide", Handler: handler(untilCancelled)}
		f.start(narrow, wide, outsideType(task.Policy{Concurrency: 1, Lease: time.Hour}))
		first := f.run()
		f.run()
		third := f.run()
		f.wantStatus(third, task.Pending)
		f.wantStatus(f.begin("wide"), task.Running) // none behind them waits
		f.cancel(first)
		f.wantStatus(third, task.Running)

		f.begin("outside")
		f.begin("outside")
		c := f.claim()
		second := make(chan task.ID, 1)
		go func() { second <- f.claim().Task.ID }()
		synctest.Wait()
		if len(second) != 0 {
			t.Error("a second task of the type was claimed")
		}
		if err := f.completes(c); err != nil {
			t.Error(err)
		}
		<-second
	})
}
