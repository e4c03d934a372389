// Package check says whether what pages have shown is right: no view was older than one
// before, or shown again although nothing had changed; what had ended stayed so; and in the
// end each view said what the service said.
package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// A View is a task as a page shows it.
type View struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Status      string          `json:"status"`
	Active      bool            `json:"active"`
	Cancelling  bool            `json:"cancelling"`
	Stale       bool            `json:"stale"`
	Seq         int64           `json:"seq"`
	Attempt     int             `json:"attempt"`
	Value       *float64        `json:"value"`
	Result      json.RawMessage `json:"result"` // nil where the page has none
	ResultState string          `json:"resultState"`
	Error       string          `json:"error"`
}

// Kinds of records.
const (
	Shown     = "view"      // a view that is new to the page
	Unchanged = "unchanged" // a view is another object and says the same
	Left      = "left"      // a task is not in a list any more
	Event     = "event"     // an event of the application's own
	Reset     = "reset"     // the page was told that events were lost
	Once      = "once"      // the page may do what happens once
	Stream    = "stream"    // the state of the connection
	Result    = "result"    // what a start's promise resolved with
	Output    = "output"    // a piece of what a task prints, or a gap in that
	Read      = "read"      // what a task prints was read to its end
	Broken    = "broken"    // the page found out itself that something is wrong
)

// A Record is one thing that a page has shown or was told.
type Record struct {
	Kind string `json:"k"`
	// Store is the part of the page: "list", "mine", or the name of one task's handle.
	Store string `json:"s"`
	View  View   `json:"v"`
	// N counts an event, from 1.
	N int `json:"n"`
	// Text is the connection's state, the key of what happens once, a task's ID or what is broken.
	Text string `json:"x"`
	// Value is a start's result.
	Value json.RawMessage `json:"r"`
	// Offset is where a piece of output begins, in bytes.
	Offset int `json:"o"`
	// Printed is the text of that piece; if Gap is not 0 so many bytes are said to be lost.
	Printed string `json:"t"`
	Gap     int    `json:"g"`
}

// A Page is one life of a page, from its load to its end, with all that it recorded in order.
type Page struct {
	Name    string
	Records []Record
}

// A Task is what the service says of one.
type Task struct {
	ID          string          `json:"task_id"`
	Type        string          `json:"type"`
	Status      string          `json:"status"`
	Seq         int64           `json:"seq"`
	Attempt     int             `json:"attempt"`
	Result      json.RawMessage `json:"result"`
	ResultBytes int             `json:"result_bytes"`
	Error       string          `json:"error"`
	Progress    struct{ Value float64 }
	// Output is all that the task has printed, where that is known.
	Output string `json:"-"`
}

// Service is what the service says in the end, by ID.
type Service map[string]Task

var ends = []string{"completed", "failed", "cancelled", "expired"}

// HasEnded says whether a task of that status is not going to change.
func HasEnded(status string) bool { return slices.Contains(ends, status) }

// Pages returns what is wrong with what the pages of one browser have shown over time. shared
// says that they share a stream, so that what happens once does so in one of them.
func Pages(pages []Page, service Service, shared bool) (faults []string) {
	told := map[string]string{} // page by key of what happens once
	for _, p := range pages {
		h := history{page: p.Name, service: service, last: map[string]View{}, read: map[string]int{}, say: func(text string) { faults = append(faults, text) }}
		for _, r := range p.Records {
			h.take(r)
			if r.Kind != Once || !shared {
				continue
			}
			if other, twice := told[r.Text]; twice {
				h.fault("B17", "%s happened here, and in %s before", r.Text, other)
			}
			told[r.Text] = p.Name
		}
	}
	return faults
}

// history is what a page has shown so far.
type history struct {
	page    string
	service Service
	last    map[string]View // by store and task
	read    map[string]int  // how far an output was read, in bytes, by store
	event   int             // the newest one
	lost    bool            // the page was told that events may be missing
	say     func(fault string)
}

func (h *history) fault(rule, format string, args ...any) {
	h.say(fmt.Sprintf("%s: %s: %s", rule, h.page, fmt.Sprintf(format, args...)))
}

func (h *history) take(r Record) {
	switch r.Kind {
	case Shown:
		h.shown(r.Store, r.View)
	case Left: // it may come back, but not older
	case Unchanged:
		h.fault("B11", "%s is shown again, and nothing in it has changed (%s)", r.Text, r.Store)
	case Stream:
		if r.Text == "signed-out" || r.Text == "unauthorized" {
			clear(h.last) // the next user begins anew
		}
	case Reset:
		h.lost = true
	case Event:
		if r.N <= h.event {
			h.fault("B5", "event %d came after event %d", r.N, h.event)
		} else if h.event > 0 && r.N != h.event+1 && !h.lost {
			h.fault("B5", "event %d came after event %d, and nobody said that some were lost", r.N, h.event)
		}
		h.event, h.lost = r.N, false
	case Result:
		if truth, known := h.service[r.Text]; known && !same(r.Value, truth.Result) {
			h.fault("B11", "the result of %s is %.80s, and the service says %.80s", r.Text, r.Value, truth.Result)
		}
	case Output:
		h.printed(r)
	case Read:
		if all := len(h.service[r.Text].Output); h.read[r.Store] != all {
			h.fault("B12", "the output of %s ended after %d bytes of %d (%s)", r.Text, h.read[r.Store], all, r.Store)
		}
	case Broken:
		h.fault("B11", "%s (%s)", r.Text, r.Store)
	}
}

// keptOutput is how much of the beginning of what a task prints is kept in any case, in bytes
// (rule T21): 64 KiB, to the end of a character.
const keptOutput = 64<<10 - (utf8.UTFMax - 1)

// printed takes a piece of output: it goes on where the one before ended and is what was
// printed, or names a gap where there can be one.
func (h *history) printed(r Record) {
	at, all := h.read[r.Store], h.service[r.Text].Output
	end := r.Offset + r.Gap + len(r.Printed)
	h.read[r.Store] = end
	switch {
	case r.Offset != at:
		h.fault("B12", "the output of %s goes on at %d after %d (%s)", r.Text, r.Offset, at, r.Store)
	case end > len(all):
		h.fault("B12", "the output of %s goes to %d, and it has printed %d bytes (%s)", r.Text, end, len(all), r.Store)
	case r.Gap > 0 && at < keptOutput:
		h.fault("B12", "the output of %s is said to have a gap at %d, where nothing can be lost (%s)", r.Text, at, r.Store)
	case r.Gap == 0 && r.Printed != all[at:end]:
		h.fault("B12", "the output of %s from %d to %d is not what was printed (%s)", r.Text, at, end, r.Store)
	}
}

func (h *history) shown(store string, v View) {
	key := store + " " + v.ID
	was, seen := h.last[key]
	h.last[key] = v
	if seen && v.Seq < was.Seq {
		h.fault("B5", "%s is shown as %s of seq %d after %s of seq %d (%s)", v.ID, v.Status, v.Seq, was.Status, was.Seq, store)
	}
	if seen && HasEnded(was.Status) && v.Status != was.Status {
		h.fault("B5", "%s had ended as %s and is shown as %s (%s)", v.ID, was.Status, v.Status, store)
	}
	if problem := contradiction(v); problem != "" {
		h.fault("B11", "%s %s (%s)", v.ID, problem, store)
	}
	if truth, known := h.service[v.ID]; known && v.Result != nil && !same(v.Result, truth.Result) {
		h.fault("B11", "%s is shown with the result %.80s, and the service says %.80s (%s)", v.ID, v.Result, truth.Result, store)
	}
}

// contradiction says what of a view cannot be true at the same time, or "".
func contradiction(v View) string {
	switch {
	case v.Active == HasEnded(v.Status):
		return fmt.Sprintf("is %s and active is %t", v.Status, v.Active)
	case v.Cancelling && !v.Active:
		return "has ended and is being cancelled"
	case v.Status == "completed" && (v.Value == nil || *v.Value != 1):
		return "is completed and its progress is not 1"
	case v.Status == "completed" && v.ResultState == "none":
		return "is completed and has no state of its result"
	case (v.ResultState == "ready") != (v.Result != nil):
		return fmt.Sprintf("has the result %.80s in the state %s", v.Result, v.ResultState)
	case (v.Status == "failed") != (v.Error != ""):
		return fmt.Sprintf("is %s with the error %q", v.Status, v.Error)
	}
	return ""
}

// InTheEnd returns in what the views of a list differ from what the service says. A task that
// the service has forgotten may be shown as it ended, or as expired, or not at all.
func InTheEnd(views []View, service Service) (faults []string) {
	faults = Shows(views, service)
	for id := range service {
		if slices.ContainsFunc(views, func(v View) bool { return v.ID == id }) {
			continue
		}
		faults = append(faults, fmt.Sprintf("%s (%s) is not shown", id, service[id].Status))
	}
	slices.Sort(faults)
	return faults
}

// Shows is InTheEnd for views of some tasks.
func Shows(views []View, service Service) (faults []string) {
	for _, v := range views {
		if fault := differs(v, service); fault != "" {
			faults = append(faults, v.ID+" "+fault)
		}
	}
	return faults
}

func differs(v View, service Service) string {
	truth, known := service[v.ID]
	switch {
	case !known && !HasEnded(v.Status):
		return "is shown as " + v.Status + ", and the service does not know it"
	case !known:
		return ""
	case v.Status != truth.Status || v.Seq != truth.Seq || v.Attempt != truth.Attempt:
		return fmt.Sprintf("is shown as %s (seq %d, attempt %d), and the service says %s (seq %d, attempt %d)", v.Status, v.Seq, v.Attempt, truth.Status, truth.Seq, truth.Attempt)
	case v.Stale && v.Active:
		return "is still marked as stale"
	case v.Error != truth.Error:
		return fmt.Sprintf("is shown with the error %q, and the service says %q", v.Error, truth.Error)
	case v.ResultState == "loading" || v.ResultState == "gone":
		return "waits for a result that is there"
	case v.Type != truth.Type:
		return fmt.Sprintf("is shown as a %q, and is a %q", v.Type, truth.Type)
	}
	return ""
}

// same says whether two results are the same JSON.
func same(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return bytes.Equal(a, b)
	}
	m, _ := json.Marshal(x)
	n, _ := json.Marshal(y)
	return bytes.Equal(m, n)
}
