package taskservicecontract

import (
	"testing"

	"heliograph/domain/task"
)

func claimWithoutPlace(t *testing.T, f fixture) {
	claimed := task.Request{Type: f.Type, Claim: true}
	if _, err := f.Tasks.Start(t.Context(), claimed); err != nil {
		t.Fatal(err)
	}
	for range f.Places {
		f.start(nil, "")
	}
	got, err := f.Tasks.Start(t.Context(), claimed)
	if err != nil || got.Status != task.Running || got.Term <= 0 {
		t.Errorf("when all places are taken: %+v, %v", got, err)
	}
	f.wantCount(f.Places + 2)
	_, err = f.Tasks.Start(t.Context(), task.Request{Type: f.Type})
	f.wantError(err, task.ErrQueueFull)
	claimed.Params = f.BadParams
	_, err = f.Tasks.Start(t.Context(), claimed)
	f.wantError(err, task.ErrInvalidParams)
}
