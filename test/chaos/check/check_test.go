package check_test

import (
	"encoding/json"
	"strings"
	"testing"

	"heliograph/test/chaos/check"
)

func view(status string, seq int64) check.View {
	v := check.View{ID: "a", Type: "import", Status: status, Active: !check.HasEnded(status), Seq: seq, Attempt: 1, ResultState: "none"}
	if status == "completed" {
		one := 1.0
		v.Value, v.Result, v.ResultState = &one, json.RawMessage("7"), "ready"
	}
	if status == "failed" {
		v.Error = "no disk"
	}
	return v
}

func shown(v check.View) check.Record { return check.Record{Kind: check.Shown, Store: "list", View: v} }

func event(n int) check.Record { return check.Record{Kind: check.Event, N: n} }

var service = check.Service{"a": {ID: "a", Type: "import", Status: "completed", Seq: 4, Attempt: 1, Result: json.RawMessage(" 7 ")}}

// change returns a view after a change.
func change(v check.View, f func(*check.View)) check.View {
	f(&v)
	return v
}

func TestWhatWasShown(t *testing.T) {
	done := view("completed", 4)
	for name, c := range map[string]struct {
		records []check.Record
		want    string // a part of the only fault; "" is none
	}{
		"all is well":       {[]check.Record{shown(view("pending", 0)), shown(view("running", 1)), shown(view("running", 3)), shown(done)}, ""},
		"an older one":      {[]check.Record{shown(view("running", 3)), shown(view("running", 2))}, "seq 2 after running of seq 3"},
		"after a log-out":   {[]check.Record{shown(view("running", 3)), {Kind: check.Stream, Text: "signed-out"}, shown(view("running", 1))}, ""},
		"after its end":     {[]check.Record{shown(done), shown(view("failed", 5))}, "had ended as completed"},
		"twice":             {[]check.Record{{Kind: check.Unchanged, Text: "a"}}, "nothing in it has changed"},
		"another result":    {[]check.Record{shown(change(done, func(v *check.View) { v.Result = json.RawMessage("8") }))}, "the service says  7"},
		"null for a result": {[]check.Record{shown(change(done, func(v *check.View) { v.Result = json.RawMessage("null") }))}, "with the result null"},
		"no result":         {[]check.Record{shown(change(done, func(v *check.View) { v.Result = nil }))}, "in the state ready"},
		"half a bar":        {[]check.Record{shown(change(done, func(v *check.View) { v.Value = nil }))}, "its progress is not 1"},
		"no error":          {[]check.Record{shown(change(view("failed", 2), func(v *check.View) { v.Error = "" }))}, `is failed with the error ""`},
		"an ended one runs": {[]check.Record{shown(change(view("running", 2), func(v *check.View) { v.Active = false }))}, "active is false"},
		"an ended one is being cancelled": {
			[]check.Record{shown(change(view("cancelled", 2), func(v *check.View) { v.Cancelling = true }))}, "is being cancelled",
		},
		"a result's promise":     {[]check.Record{{Kind: check.Result, Text: "a", Value: json.RawMessage("8")}}, "the result of a is 8"},
		"the page finds out":     {[]check.Record{{Kind: check.Broken, Text: "it is not frozen"}}, "it is not frozen"},
		"events in order":        {[]check.Record{event(3), event(4)}, ""},
		"an event twice":         {[]check.Record{event(3), event(3)}, "event 3 came after event 3"},
		"an event is lost":       {[]check.Record{event(3), event(5)}, "nobody said"},
		"the page knows of that": {[]check.Record{event(3), {Kind: check.Reset}, event(5)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			faults := check.Pages([]check.Page{{Name: "page", Records: c.records}}, service, true)
			if len(faults) > 1 || (c.want == "") != (len(faults) == 0) || !strings.Contains(strings.Join(faults, ""), c.want) {
				t.Errorf("faults %q, want one with %q", faults, c.want)
			}
		})
	}
}

func TestWhatWasRead(t *testing.T) { // B12
	printed := strings.Repeat("€", 30_000) // 90,000 bytes
	service := check.Service{"a": {ID: "a", Output: printed}}
	piece := func(from, to int) check.Record {
		return check.Record{Kind: check.Output, Store: "output 1", Text: "a", Offset: from, Printed: printed[from:to]}
	}
	gap := func(from, to int) check.Record {
		return check.Record{Kind: check.Output, Store: "output 1", Text: "a", Offset: from, Gap: to - from}
	}
	end := check.Record{Kind: check.Read, Store: "output 1", Text: "a"}
	another := piece(3, 6)
	another.Printed = "abc"
	for name, c := range map[string]struct {
		records []check.Record
		want    string
	}{
		"all of it":        {[]check.Record{piece(0, 3), piece(3, 90_000), end}, ""},
		"a gap":            {[]check.Record{piece(0, 65_535), gap(65_535, 75_000), piece(75_000, 90_000), end}, ""},
		"not yet the end":  {[]check.Record{piece(0, 3)}, ""},
		"twice":            {[]check.Record{piece(0, 6), piece(3, 6)}, "goes on at 3 after 6"},
		"something lost":   {[]check.Record{piece(0, 3), piece(6, 9)}, "goes on at 6 after 3"},
		"something else":   {[]check.Record{piece(0, 3), another}, "is not what was printed"},
		"a gap too early":  {[]check.Record{piece(0, 3), gap(3, 6)}, "where nothing can be lost"},
		"more than all":    {[]check.Record{piece(0, 90_000), gap(90_000, 90_003)}, "it has printed 90000 bytes"},
		"an end too early": {[]check.Record{piece(0, 3), end}, "ended after 3 bytes of 90000"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := check.Pages([]check.Page{{Name: "page", Records: c.records}}, service, true)
			if len(faults) > 1 || (c.want == "") != (len(faults) == 0) || !strings.Contains(strings.Join(faults, ""), c.want) {
				t.Errorf("faults %q, want one with %q", faults, c.want)
			}
		})
	}
}

func TestWhatHappensOnce(t *testing.T) {
	once := []check.Record{{Kind: check.Once, Text: "the end of a"}}
	pages := []check.Page{{Name: "one", Records: once}, {Name: "two", Records: once}}
	if faults := check.Pages(pages, service, true); len(faults) != 1 {
		t.Errorf("pages that share a stream: %q, want one fault", faults)
	}
	if faults := check.Pages(pages, service, false); len(faults) != 0 {
		t.Errorf("pages that share nothing: %q", faults)
	}
}

func TestInTheEnd(t *testing.T) {
	done := view("completed", 4)
	for name, c := range map[string]struct {
		views []check.View
		want  string
	}{
		"all is well":              {[]check.View{done}, ""},
		"forgotten by the service": {[]check.View{done, change(view("expired", 2), func(v *check.View) { v.ID = "b" })}, ""},
		"not there":                {nil, "a (completed) is not shown"},
		"it still runs":            {[]check.View{view("running", 3)}, "is shown as running (seq 3"},
		"older":                    {[]check.View{change(done, func(v *check.View) { v.Seq = 3 })}, "(seq 3, attempt 1)"},
		"another attempt":          {[]check.View{change(done, func(v *check.View) { v.Attempt = 2 })}, "attempt 2)"},
		"another type":             {[]check.View{change(done, func(v *check.View) { v.Type = "export" })}, `is shown as a "export"`},
		"another error":            {[]check.View{change(done, func(v *check.View) { v.Error = "no" })}, `with the error "no"`},
		"its result is fetched":    {[]check.View{change(done, func(v *check.View) { v.Result, v.ResultState = nil, "loading" })}, "waits for a result"},
		"one that nobody knows":    {[]check.View{done, change(view("running", 2), func(v *check.View) { v.ID = "b" })}, "the service does not know it"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := check.InTheEnd(c.views, service)
			if len(faults) > 1 || (c.want == "") != (len(faults) == 0) || !strings.Contains(strings.Join(faults, ""), c.want) {
				t.Errorf("faults %q, want one with %q", faults, c.want)
			}
		})
	}
}
