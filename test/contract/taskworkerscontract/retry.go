package taskworkerscontract

import (
	"testing"

	"heliograph/domain/task"
)

func failAgain(t *testing.T, f fixture) {
	id := f.start(f.Retrying)
	first := f.claim(f.Retrying)
	f.wantError(f.fail(first), nil)
	got, err := f.Reader.Get(t.Context(), id)
	if err != nil || got.Status != task.Pending || got.Attempt != 2 || got.Error != "it broke" || !got.Ended.IsZero() {
		t.Errorf("between the attempts the task is %+v, %v", got, err)
	}
	second := f.claim(f.Retrying) // waits for the back-off
	if second.Task.ID != id || second.Task.Attempt != 2 || second.Lease == first.Lease {
		t.Errorf("after %+v came %+v", first, second)
	}
	f.wantError(f.sign(first), task.ErrLeaseLost)
	f.wantError(f.complete(first), task.ErrLeaseLost)
	f.wantError(f.complete(second), nil)
	if got := f.want(id, task.Completed); got.Error != "" {
		t.Errorf("completed with the error %q", got.Error)
	}
}

func failFinal(t *testing.T, f fixture) {
	id := f.start(f.Retrying)
	c := f.claim(f.Retrying)
	for range 2 { // it may be said again
		f.wantError(f.Workers.Fail(t.Context(), id, c.Lease, task.Failure{Error: "no such file", Final: true}), nil)
	}
	if got := f.want(id, task.Failed); got.Error != "no such file" || got.Attempt != 1 {
		t.Errorf("the task is %+v", got)
	}
}

func failLast(t *testing.T, f fixture) {
	id := f.start(f.Retrying)
	f.wantError(f.fail(f.claim(f.Retrying)), nil)
	f.wantError(f.fail(f.claim(f.Retrying)), nil)
	if got := f.want(id, task.Failed); got.Attempt != 2 {
		t.Errorf("the task is %+v", got)
	}
}
