package taskservicecontract

import (
	"testing"
	"time"

	"heliograph/domain/task"
)

// later is how far away the time of tasks is that do not run in these tests.
const later = time.Hour

func (f fixture) schedule(at time.Time, key string) task.Task {
	f.t.Helper()
	t, err := f.Tasks.Start(f.t.Context(), task.Request{Type: f.Type, RunAt: at, Key: key})
	if err != nil {
		f.t.Fatalf("Start at %s: %v", at, err)
	}
	return t
}

func scheduled(t *testing.T, f fixture) {
	at := time.Now().Add(later).In(time.FixedZone("", 3600))
	started := f.schedule(at, "")
	for _, got := range []task.Task{started, f.want(started.ID, task.Pending)} {
		if !got.RunAt.Equal(at) || !got.NotBefore.Equal(at) || !got.Scheduled() || got.Attempt != 1 || got.Seq > 1 {
			t.Errorf("known is %+v", got)
		}
	}
	if _, err := f.Tasks.Cancel(t.Context(), started.ID); err != nil {
		t.Error(err)
	}
	if got := f.want(started.ID, task.Cancelled); !got.RunAt.Equal(at) || !got.NotBefore.IsZero() {
		t.Errorf("when it is cancelled it is %+v", got)
	}
}

func scheduledInThePast(t *testing.T, f fixture) {
	at := time.Now().Add(-later)
	started := f.schedule(at, "")
	if got := f.want(started.ID, task.Pending); !got.RunAt.Equal(at) || got.Scheduled() {
		t.Errorf("known is %+v", got)
	}
	f.begin(started.ID)
}

func scheduledTooFar(t *testing.T, f fixture) {
	_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, RunAt: time.Now().Add(task.MaxAhead + time.Minute), Key: "key"})
	f.wantError(err, task.ErrInvalidRunAt)
	f.wantCount(0)
	f.schedule(time.Now().Add(task.MaxAhead-time.Minute), "key") // it was not used
}

func scheduledBesideTheQueue(t *testing.T, f fixture) {
	at := time.Now().Add(later)
	f.schedule(at, "")
	var first task.Task
	for range f.Places {
		if t := f.start(nil, ""); first.ID == "" {
			first = t
		}
	}
	_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type})
	f.wantError(err, task.ErrQueueFull)
	f.schedule(at, "")
	f.begin(first.ID) // and none of those
}

func scheduledFull(t *testing.T, f fixture) {
	at := time.Now().Add(later)
	first := f.schedule(at, "key")
	for range f.Scheduled - 1 {
		f.schedule(at, "")
	}
	_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, RunAt: at, Key: "other"})
	f.wantError(err, task.ErrQueueFull)
	f.wantCount(f.Scheduled)
	if again := f.schedule(at, "key"); again.ID != first.ID {
		t.Errorf("the key gives %s, want %s", again.ID, first.ID)
	}
	f.start(nil, "")
	if _, err := f.Tasks.Cancel(t.Context(), first.ID); err != nil {
		t.Error(err)
	}
	f.schedule(at, "other")
}
