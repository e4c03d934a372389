package task_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

func TestTheTextOfAnEventIsThatOfTheStandardLibrary(t *testing.T) { // T3
	at := time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)
	plain := task.Event{Type: task.EventCompleted, TaskID: "a-1", TaskType: "demo", Created: at, Timestamp: at.Add(time.Second), Seq: math.MaxUint64, Attempt: 2}
	texts := []string{"", "a b", `a"b`, `a\b`, "<&>", "ü", "\xff", "\u2028", "\n", "\x7f"}
	events := []task.Event{{}, plain}
	for _, text := range texts {
		for _, change := range []func(*task.Event){
			func(e *task.Event) { e.Type = task.EventType(text) }, func(e *task.Event) { e.TaskID = task.ID(text) }, func(e *task.Event) { e.TaskType = text },
		} {
			e := plain
			change(&e)
			events = append(events, e)
		}
	}
	for _, data := range []any{
		json.RawMessage(nil), json.RawMessage("null"), json.RawMessage(`{"a":["<\u2028>",1.50]}`), json.RawMessage(`{"a": 1}`), json.RawMessage(`"a b"`),
		json.RawMessage(`"ü"`), json.RawMessage("\"\xff\""), json.RawMessage(`{`), json.RawMessage(""), json.RawMessage("1 2"), json.RawMessage("\n"),
		task.Beginning{Labels: task.Labels{"a": "b"}},
		task.Failure{Error: "e", Code: "C"},
		"text", 1.5, math.Inf(1), func() {},
	} {
		for _, truncated := range []bool{false, true} {
			e := plain
			e.Data, e.Truncated = data, truncated
			events = append(events, e)
		}
	}
	for _, when := range []time.Time{{}, at.In(time.FixedZone("", 3600)), at.AddDate(8000, 0, 0), at.AddDate(-3000, 0, 0), at.Local()} {
		e, f := plain, plain
		e.Created, f.Timestamp = when, when
		events = append(events, e, f)
	}
	for _, e := range events {
		want, wantErr := event.Marshal(e)
		got, err := e.ToEvent()
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%+v: error %v, want %v", e, err, wantErr)
		}
		if diff := cmp.Diff(string(want), string(got.Data)); wantErr == nil && diff != "" {
			t.Errorf("%+v (-want +got):\n%s", e, diff)
		}
	}
}
