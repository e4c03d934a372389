package taskworkerscontract

import (
	"context"
	"testing"

	"heliograph/domain/task"
)

func failWithCode(t *testing.T, f fixture) {
	for given, want := range map[string]string{"NO_DISK": "NO_DISK", "": task.CodeFailed, "no disk!": task.CodeFailed} {
		f.start(f.Steady)
		c := f.claim(f.Steady)
		f.wantError(f.Workers.Fail(t.Context(), c.Task.ID, c.Lease, task.Failure{Error: "it broke", Code: given}), nil)
		if got := f.want(c.Task.ID, task.Failed); got.ErrorCode != want || got.Error != "it broke" {
			t.Errorf("with the code %q it failed with %q, %q", given, got.ErrorCode, got.Error)
		}
	}
}

func claimByName(t *testing.T, f fixture) {
	id := f.start(f.Steady)
	if got := f.want(id, task.Pending); got.Worker != "" || got.RunsOn != "" {
		t.Errorf("it waits at %q on %q", got.Worker, got.RunsOn)
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	first, err := f.Workers.Claim(ctx, []string{f.Steady}, "first")
	if err != nil {
		t.Fatal(err)
	}
	if got := f.want(id, task.Running); got.Worker != "first" || got.RunsOn == "" {
		t.Errorf("it runs at %q on %q", got.Worker, got.RunsOn)
	}
	f.wantError(f.Workers.Release(ctx, id, first.Lease), nil)
	if got := f.want(id, task.Pending); got.Worker != "" || got.RunsOn != "" {
		t.Errorf("given back it waits at %q on %q", got.Worker, got.RunsOn)
	}
	f.wantError(f.complete(f.claim(f.Steady)), nil)
	if got := f.want(id, task.Completed); got.Worker != "" || got.RunsOn == "" {
		t.Errorf("it has run at %q on %q", got.Worker, got.RunsOn)
	}
	started, err := f.Tasks.Start(ctx, task.Request{Type: f.Steady, Claim: true, Worker: "starter"})
	if err != nil || started.Worker != "starter" {
		t.Errorf("its starter runs it as %q, %v", started.Worker, err)
	}
}
