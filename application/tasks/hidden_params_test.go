package tasks_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

func TestParamsOfATypeThatHidesThemAreShownToWorkersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		hiding := outsideType(task.Policy{})
		hiding.HideParams = true
		f.start(hiding, work(untilCancelled))
		params := json.RawMessage(`{"password":"s3cret"}`)
		for _, typ := range []string{"outside", "work"} {
			if _, err := f.Start(t.Context(), task.Request{Type: typ, Params: params}); err != nil {
				t.Fatal(err)
			}
		}
		if c := f.claim(); string(c.Task.Params) != string(params) {
			t.Errorf("the worker has %s", c.Task.Params)
		}
		f.wantParams(map[task.ID]string{"task-1": "", "task-2": string(params)})
		f.stop(time.Minute)
		next := f.restarted()
		next.start(outsideType(task.Policy{})) // which hides nothing, and the other type is gone
		next.wantParams(map[task.ID]string{"task-1": string(params), "task-2": ""})
	})
}

// wantParams checks the params that the status and the list of each task have.
func (f *fixture) wantParams(want map[task.ID]string) {
	f.t.Helper()
	page, _, err := f.List(f.t.Context(), task.Query{})
	if err != nil || len(page) != len(want) {
		f.t.Errorf("%d tasks, %v", len(page), err)
	}
	for _, t := range page {
		single, err := f.Get(f.t.Context(), t.ID)
		if err != nil {
			f.t.Error(err)
		}
		for what, got := range map[string]task.Task{"list": t, "status": single} {
			if string(got.Params) != want[t.ID] || got.ParamsHidden != (want[t.ID] == "") {
				f.t.Errorf("the %s of %s has the params %s, hidden: %t", what, t.ID, got.Params, got.ParamsHidden)
			}
		}
	}
}
