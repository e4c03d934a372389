package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// order is what a task of the sample workers was asked to do.
type order struct {
	Steps int     `json:"steps"`
	Delay float64 `json:"delay"`
	Error string  `json:"error,omitempty"`

	cancelled bool // its cancellation was asked for, and granted
}

// checkTruth holds a task's events against the specification, its status, and
// what it was asked to do.
func checkTruth(t *testing.T, id string, o *order, events []taskEvent, status taskStatus) {
	t.Helper()
	last := checkOrder(t, id, events)
	if want := strings.TrimPrefix(last.Type, "task_"); status.Status != want || status.Seq != last.Seq || status.Attempt != last.Attempt {
		t.Errorf("T11: task %s: the last event is %+v, the status %+v", id, last, status)
	}
	var result struct{ Steps, Attempt int }
	switch status.Status {
	case "completed":
		_ = json.Unmarshal(last.Data, &result) // zeros are wrong
		if o.Error != "" || result.Steps != o.Steps || result.Attempt != last.Attempt || !sameJSON(t, string(last.Data), string(status.Result)) {
			t.Errorf("task %s: asked for %+v, it completed with %s, status %+v", id, *o, last.Data, status)
		}
	case "failed":
		said := decode[struct{ Error string }](t, string(last.Data)).Error
		lost := strings.HasPrefix(said, "worker_lost") && (last.Attempt == 5 || o.cancelled)
		if status.Error == nil || *status.Error != said || !lost && (o.Error == "" || said != o.Error) {
			t.Errorf("task %s: asked for %+v, it failed with %q, status %+v", id, *o, said, status)
		}
	case "cancelled":
		if !o.cancelled {
			t.Errorf("task %s is cancelled, although this was not asked for", id)
		}
	}
}

// checkOrder holds a task's events against the specification, and returns the
// last.
func checkOrder(t *testing.T, id string, events []taskEvent) (last taskEvent) {
	t.Helper()
	for i, e := range events {
		switch {
		case e.Seq <= last.Seq || e.Attempt < last.Attempt:
			t.Errorf("T3: task %s: %+v after %+v", id, e, last)
		case ends(e) != (i == len(events)-1):
			t.Errorf("T11: task %s: event %d of %d is %+v", id, i+1, len(events), e)
		}
		last = e
	}
	return last
}

// ends reports whether an event is a terminal one.
func ends(e taskEvent) bool {
	return e.Type == "task_completed" || e.Type == "task_failed" || e.Type == "task_cancelled"
}

// byTask returns the events of all tasks so far, and how many tasks have ended.
func (s *stream) byTask(t *testing.T) (events map[string][]taskEvent, ended int) {
	t.Helper()
	events = map[string][]taskEvent{}
	for _, e := range s.Events() {
		if e.Name != "task_event" {
			continue
		}
		te := decode[taskEvent](t, e.Data)
		events[te.TaskID] = append(events[te.TaskID], te)
		if ends(te) {
			ended++
		}
	}
	return events, ended
}
