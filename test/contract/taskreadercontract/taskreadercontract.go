// Package taskreadercontract says what every task.Reader must do.
package taskreadercontract

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Subject is what is tested, with no tasks.
type Subject struct {
	Reader task.Reader
	// Type and Other are types of which tasks can be started.
	Type, Other string
	// Start starts a task, which waits until Begin.
	Start func(t *testing.T, r task.Request) task.ID
	// Begin has the oldest waiting task of a type running, and returns it.
	Begin func(t *testing.T, typ string) task.ID
	// Complete ends a running task.
	Complete func(t *testing.T, id task.ID, result json.RawMessage)
	// MaxEventBytes is how large an event may be: a larger result is left out of lists.
	MaxEventBytes int
}

// Run proves the contract. Each call of fresh returns a Subject of its own.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for _, clause := range []struct {
		sentence string
		prove    func(*testing.T, fixture)
	}{
		{"Get returns a task as it is, and ErrNotFound for an unknown one", get},
		{"List without tasks is one empty page", listEmpty},
		{"List shows every change at once", listChanges},
		{"List selects by status and type", listSelects},
		{"pages hold at most Limit tasks, newest first, and together all", pages},
		{"List refuses a cursor that is none", badCursor},
		{"E8 a result that is larger than an event is left out of lists, and Get has it", largeResult},
		{"Types are what can be started, by name", types},
		{"T16 Get and List have a task's labels, and List selects by them", labels},
		{"T17 A9 List of IDs has those that are there and that the viewer may see, in that order", ids},
		{"A9 A12 List shows a viewer what is for it and what is for everyone, as if nothing else were there", listForViewer},
	} {
		t.Run(clause.sentence, func(t *testing.T) { clause.prove(t, fixture{t, fresh(t)}) })
	}
}

// fixture is a Subject with the steps that must not fail.
type fixture struct {
	t *testing.T
	Subject
}

// start starts a task that is for everyone.
func (f fixture) start(typ string) task.ID {
	f.t.Helper()
	return f.Start(f.t, task.Request{Type: typ})
}

func (f fixture) begin(want task.ID, typ string) {
	f.t.Helper()
	if id := f.Begin(f.t, typ); id != want {
		f.t.Fatalf("begun is %s, want %s", id, want)
	}
}

func (f fixture) list(q task.Query) (page []task.Task, next string) {
	f.t.Helper()
	page, next, err := f.Reader.List(f.t.Context(), q)
	if err != nil {
		f.t.Fatalf("List(%+v): %v", q, err)
	}
	return page, next
}

// wantList checks that q selects exactly these tasks.
func (f fixture) wantList(q task.Query, want ...task.ID) {
	f.t.Helper()
	page, next := f.list(q)
	if diff := cmp.Diff(sorted(want), sorted(idsOf(page))); diff != "" || next != "" {
		f.t.Errorf("List(%+v), next %q (-want +got):\n%s", q, next, diff)
	}
}

func idsOf(page []task.Task) (ids []task.ID) {
	for _, t := range page {
		ids = append(ids, t.ID)
	}
	return ids
}

func sorted(ids []task.ID) []task.ID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}

func get(t *testing.T, f fixture) {
	id := f.start(f.Type)
	want := func(status task.Status) task.Task {
		t.Helper()
		got, err := f.Reader.Get(t.Context(), id)
		if err != nil || got.ID != id || got.Type != f.Type || got.Status != status || got.Created.IsZero() {
			t.Errorf("Get returned %+v, %v; want it to be %s", got, err, status)
		}
		return got
	}
	want(task.Pending)
	f.begin(id, f.Type)
	if got := want(task.Running); got.Started.Before(got.Created) {
		t.Errorf("created %s, started %s", got.Created, got.Started)
	}
	f.Complete(t, id, json.RawMessage(`{"n":"<1>"}`))
	if got := want(task.Completed); string(got.Result) != `{"n":"<1>"}` || got.Ended.Before(got.Started) {
		t.Errorf("started %s, ended %s with %s", got.Started, got.Ended, got.Result)
	}
	if _, err := f.Reader.Get(t.Context(), "no-such-task"); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("an unknown one: %v, want ErrNotFound", err)
	}
}

func listEmpty(_ *testing.T, f fixture) { f.wantList(task.Query{}) }

func listChanges(t *testing.T, f fixture) {
	id := f.start(f.Type)
	for _, step := range []struct {
		is   task.Status
		then func()
	}{
		{task.Pending, func() { f.begin(id, f.Type) }},
		{task.Running, func() { f.Complete(t, id, nil) }},
		{task.Completed, func() {}},
	} {
		page, _ := f.list(task.Query{})
		if len(page) != 1 || page[0].Status != step.is {
			t.Errorf("listed are %+v, want one that is %s", page, step.is)
		}
		step.then()
	}
}

func listSelects(t *testing.T, f fixture) {
	done, running, pending, other := f.start(f.Type), f.start(f.Type), f.start(f.Type), f.start(f.Other)
	f.begin(done, f.Type)
	f.Complete(t, done, nil)
	f.begin(running, f.Type)
	f.wantList(task.Query{}, done, running, pending, other)
	f.wantList(task.Query{Status: task.Pending}, pending, other)
	f.wantList(task.Query{Status: task.Running}, running)
	f.wantList(task.Query{Status: task.Completed}, done)
	f.wantList(task.Query{Status: task.Failed})
	f.wantList(task.Query{Type: f.Other}, other)
	f.wantList(task.Query{Type: f.Type, Status: task.Pending}, pending)
	f.wantList(task.Query{Type: "no-such-type"})
	f.wantList(task.Query{Unfinished: true}, running, pending, other)
}

func pages(t *testing.T, f fixture) {
	var want, got []task.ID
	for range 5 {
		want = append(want, f.start(f.Type))
	}
	created := []task.Task{}
	for q := (task.Query{Limit: 2}); ; {
		page, next := f.list(q)
		if len(page) > q.Limit {
			t.Fatalf("a page has %d tasks, the limit is %d", len(page), q.Limit)
		}
		created, got = append(created, page...), append(got, idsOf(page)...)
		if next == "" {
			break
		}
		q.Cursor = next
	}
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("on all pages (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(created, func(a, b task.Task) int { return b.Created.Compare(a.Created) }) {
		t.Errorf("the newest is not first: %v", got)
	}
}

func badCursor(t *testing.T, f fixture) {
	f.start(f.Type)
	for _, cursor := range []string{"x", "!", "\x00"} {
		if _, _, err := f.Reader.List(t.Context(), task.Query{Cursor: cursor}); !errors.Is(err, task.ErrInvalidCursor) {
			t.Errorf("%q: %v, want ErrInvalidCursor", cursor, err)
		}
	}
}

func largeResult(t *testing.T, f fixture) {
	large := json.RawMessage(`"` + strings.Repeat("x", f.MaxEventBytes) + `"`)
	results := map[task.ID]json.RawMessage{}
	for _, result := range []json.RawMessage{large, json.RawMessage(`"small"`)} {
		id := f.start(f.Type)
		f.begin(id, f.Type)
		f.Complete(t, id, result)
		results[id] = result
	}
	page, _ := f.list(task.Query{})
	for _, listed := range page {
		result := results[listed.ID]
		if tooLarge := len(result) > f.MaxEventBytes; listed.Truncated != tooLarge || tooLarge != (listed.Result == nil) {
			t.Errorf("a result of %d bytes is listed with %d, truncated: %t", len(result), len(listed.Result), listed.Truncated)
		}
		if got, err := f.Reader.Get(t.Context(), listed.ID); err != nil || string(got.Result) != string(result) || got.Truncated {
			t.Errorf("Get has %d of %d bytes, %v, truncated: %t", len(got.Result), len(result), err, got.Truncated)
		}
	}
}

func types(t *testing.T, f fixture) {
	all, err := f.Reader.Types(t.Context())
	if err != nil {
		t.Fatalf("Types: %v", err)
	}
	var names []string
	for _, typ := range all {
		names = append(names, typ.Name)
	}
	if !slices.IsSorted(names) || !slices.Contains(names, f.Type) || !slices.Contains(names, f.Other) {
		t.Errorf("the types are %q", names)
	}
}

func listForViewer(t *testing.T, f fixture) {
	ann, bob := &access.Viewer{Subject: "ann"}, &access.Viewer{Subject: "bob", Roles: []string{"staff"}}
	everyones := f.start(f.Type)
	var anns, bobs []task.ID
	for range 3 {
		anns = append(anns, f.Start(t, task.Request{Type: f.Type, Audience: given(access.Audience{Subjects: []string{"ann"}})}))
		bobs = append(bobs, f.Start(t, task.Request{Type: f.Other, Audience: given(access.Audience{Roles: []string{"staff"}})}))
	}
	f.wantList(task.Query{Viewer: ann}, append(anns, everyones)...)
	f.wantList(task.Query{Viewer: bob}, append(bobs, everyones)...)
	f.wantList(task.Query{Viewer: bob, Type: f.Type}, everyones)
	f.wantList(task.Query{Viewer: &access.Viewer{}, Unfinished: true}, everyones)
	f.wantList(task.Query{Viewer: &access.Viewer{Subject: "ann", Single: true}}, anns...)
	f.wantList(task.Query{Viewer: &access.Viewer{All: true}}, slices.Concat(anns, bobs, []task.ID{everyones})...)
	first, next := f.list(task.Query{Viewer: ann, Limit: 3})
	last, end := f.list(task.Query{Viewer: ann, Limit: 3, Cursor: next})
	if len(first) != 3 || len(last) != 1 || last[0].ID != everyones || end != "" {
		t.Errorf("ann's pages are %v and %v", idsOf(first), idsOf(last))
	}
}

func given(a access.Audience) access.Choice { return access.Choice{Given: true, Audience: &a} }
