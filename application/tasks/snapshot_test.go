package tasks_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

func TestAConnectionGetsEveryUnfinishedTask(t *testing.T) { // T13
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 2
		f.start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
			if f.ids > 2 {
				r.Report("half", 0.5)
				return untilCancelled(ctx, r)
			}
			return nil, nil
		}))
		for range 2 {
			f.wantStatus(f.run(), task.Completed)
		}
		for range 3 {
			f.run()
			pass(time.Second)
		}
		f.cancelWithoutWaiting("task-3")
		got := f.connect("a")
		want := `{"tasks":[` +
			`{"task_id":"task-3","type":"work","created_at":"2000-01-01T00:00:00Z","status":"running","cancel_requested":true,"progress":{"text":"half","value":0.5},"seq":2,"attempt":1,"labels":{}},` +
			`{"task_id":"task-4","type":"work","created_at":"2000-01-01T00:00:01Z","status":"running","cancel_requested":false,"progress":{"text":"half","value":0.5},"seq":2,"attempt":1,"labels":{}},` +
			`{"task_id":"task-5","type":"work","created_at":"2000-01-01T00:00:02Z","status":"pending","cancel_requested":false,"progress":{"text":"","value":0},"seq":1,"attempt":1,"labels":{}}]}`
		if diff := cmp.Diff([]event.Event{{Service: event.ServiceTask, Name: "task_snapshot", Data: json.RawMessage(want)}}, got); diff != "" {
			t.Errorf("snapshot (-want +got):\n%s", diff)
		}
	})
}

// cancelWithoutWaiting requests a cancellation in the record only, so that the
// task does not end.
func (f *fixture) cancelWithoutWaiting(id task.ID) {
	f.t.Helper()
	record, err := f.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	record.CancelRequested = true
	if _, err := f.store.Update(f.t.Context(), record); err != nil {
		f.t.Fatal(err)
	}
}

// connect calls the observer and returns what it sent.
func (f *fixture) connect(token connection.Token) []event.Event {
	f.t.Helper()
	if err := f.Connected(f.t.Context(), connection.Connection{RequestID: "r", Token: token}); err != nil {
		f.t.Errorf("Connected: %v", err)
	}
	return f.outbox.of(token)
}
