package task_test

import (
	"encoding/json"
	"testing"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

func TestTransitions(t *testing.T) { // T2
	t.Parallel()
	allowed := map[task.Status]map[task.Status]bool{
		task.Pending: {task.Running: true, task.Cancelled: true},
		task.Running: {task.Completed: true, task.Failed: true, task.Cancelled: true, task.Pending: true},
	}
	all := []task.Status{task.Pending, task.Running, task.Completed, task.Failed, task.Cancelled}
	for _, from := range all {
		for _, to := range all {
			if got := from.CanBecome(to); got != allowed[from][to] {
				t.Errorf("%s → %s: %v", from, to, got)
			}
		}
		if want := allowed[from] == nil; from.Terminal() != want {
			t.Errorf("%s: terminal is %v", from, from.Terminal())
		}
		if !from.Valid() {
			t.Errorf("%s is not valid", from)
		}
	}
	if task.Status("paused").Valid() {
		t.Error("an unknown state is valid")
	}
}

func TestTaskEventsOnTheWire(t *testing.T) { // T3, T4, T5, E8
	t.Parallel()
	at := time.Date(2026, 5, 4, 3, 2, 1, 500_000_000, time.UTC)
	made := time.Date(2026, 5, 4, 3, 2, 0, 0, time.UTC)
	bob := &access.Audience{Subjects: []string{"bob"}} // A12: it is not in the payload
	for _, c := range []struct {
		ev        task.Event
		data, key string
	}{
		{
			task.Event{Type: task.EventStarted, TaskID: "t", TaskType: "demo", Created: made, Timestamp: at, Seq: 1, Attempt: 1},
			`{"event_type":"task_started","task_id":"t","type":"demo","created_at":"2026-05-04T03:02:00Z","timestamp":"2026-05-04T03:02:01.5Z","seq":1,"attempt":1,"data":null}`, "",
		},
		{
			task.Event{Type: task.EventProgress, TaskID: "t", TaskType: "demo", Created: made, Timestamp: at, Seq: 2, Attempt: 1, Data: task.Progress{Text: "half", Value: .5}, Audience: bob},
			`{"event_type":"progress_update","task_id":"t","type":"demo","created_at":"2026-05-04T03:02:00Z","timestamp":"2026-05-04T03:02:01.5Z","seq":2,"attempt":1,"data":{"text":"half","value":0.5}}`, "progress/t",
		},
		{
			task.Event{Type: task.EventFailed, TaskID: "t", TaskType: "demo", Created: made, Timestamp: at, Seq: 3, Attempt: 2, Data: task.Failure{Error: "no", Code: task.CodeFailed}},
			`{"event_type":"task_failed","task_id":"t","type":"demo","created_at":"2026-05-04T03:02:00Z","timestamp":"2026-05-04T03:02:01.5Z","seq":3,"attempt":2,"data":{"error":"no","code":"TASK_FAILED"}}`, "",
		},
		{
			task.Event{Type: task.EventCompleted, TaskID: "t", TaskType: "demo", Created: made, Timestamp: at, Seq: 3, Attempt: 1, Data: json.RawMessage(`{"a":1}`)},
			`{"event_type":"task_completed","task_id":"t","type":"demo","created_at":"2026-05-04T03:02:00Z","timestamp":"2026-05-04T03:02:01.5Z","seq":3,"attempt":1,"data":{"a":1}}`, "",
		},
		{
			task.Event{Type: task.EventCompleted, TaskID: "t", TaskType: "demo", Created: made, Timestamp: at, Seq: 3, Attempt: 1, Truncated: true},
			`{"event_type":"task_completed","task_id":"t","type":"demo","created_at":"2026-05-04T03:02:00Z","timestamp":"2026-05-04T03:02:01.5Z","seq":3,"attempt":1,"data":null,"truncated":true}`, "",
		},
	} {
		got, err := c.ev.ToEvent()
		if err != nil || string(got.Data) != c.data || got.Key != c.key || got.Name != task.EventName || got.Service != event.ServiceTask || got.Audience != c.ev.Audience {
			t.Errorf("%s: %+v, %v; want %s", c.ev.Type, got, err, c.data)
		}
	}
}

func TestEmptySnapshotHasAnEmptyList(t *testing.T) { // T13
	t.Parallel()
	data, err := json.Marshal(task.Snapshot{Tasks: []task.SnapshotTask{}})
	if err != nil || string(data) != `{"tasks":[]}` {
		t.Errorf("%s, %v", data, err)
	}
}
