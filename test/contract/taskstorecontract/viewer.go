package taskstorecontract

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// forSome returns the nth task, which is for the audience.
func forSome(n int, a access.Audience) task.Task {
	t := pending(n)
	t.Audience = &a
	return t
}

func keysOfOwners(t *testing.T, f fixture) {
	owned := func(n int, owner string) task.Task {
		mine := withKey(n)
		mine.Owner = owner
		return mine
	}
	owners := []string{"", "ann", "bob", "ann\x00key"}
	for n, owner := range owners {
		first := f.createOne(owned(n, owner))
		got, err := f.store.Create(t.Context(), owned(100+n, owner))
		f.wantError(err, task.ErrDuplicate)
		if got.ID != first.ID {
			t.Errorf("the key of %q gives %s, want %s", owner, got.ID, first.ID)
		}
	}
	for n, owner := range owners {
		got, err := f.store.ByKey(t.Context(), owner, "key")
		f.wantError(err, nil)
		if got.ID != pending(n).ID || got.Owner != owner {
			t.Errorf("the key of %q gives %s of %q", owner, got.ID, got.Owner)
		}
	}
	_, err := f.store.ByKey(t.Context(), "carl", "key")
	f.wantError(err, task.ErrNotFound)
	mine, err := f.store.ByKey(t.Context(), "ann", "key")
	f.wantError(err, nil)
	f.remove(mine)
	_, err = f.store.ByKey(t.Context(), "ann", "key")
	f.wantError(err, task.ErrNotFound)
	if others, err := f.store.ByKey(t.Context(), "bob", "key"); err != nil || others.Owner != "bob" {
		t.Errorf("with ann's task bob's key went, too: %+v, %v", others, err)
	}
}

func listForViewers(t *testing.T, f fixture) {
	f.create(pending(1))
	f.wantList(task.Query{Viewer: &access.Viewer{Subject: "ann"}}, 1) // before anything is for some only
	f.create(
		forSome(2, access.Audience{Subjects: []string{"ann"}}),
		forSome(3, access.Audience{Subjects: []string{"bob", "ann"}, Roles: []string{"staff", "sales"}, RequestIDs: []string{"tab-1"}}),
		forSome(4, access.Audience{Roles: []string{"staff", "staff"}}),
		forSome(5, access.Audience{RequestIDs: []string{"tab-1"}}),
		forSome(6, access.Audience{Subjects: []string{"bob"}, RequestIDs: []string{"staff"}}),
		pending(7),
	)
	for _, c := range []struct {
		viewer *access.Viewer
		want   []int
	}{
		{nil, []int{7, 6, 5, 4, 3, 2, 1}},
		{&access.Viewer{All: true}, []int{7, 6, 5, 4, 3, 2, 1}},
		{&access.Viewer{All: true, Single: true, Subject: "ann"}, []int{7, 6, 5, 4, 3, 2, 1}},
		{&access.Viewer{}, []int{7, 1}},
		{&access.Viewer{RequestID: "tab-1"}, []int{7, 5, 3, 1}},
		{&access.Viewer{Subject: "ann"}, []int{7, 3, 2, 1}},
		{&access.Viewer{Subject: "ann", Roles: []string{"staff", "sales", "staff"}, RequestID: "tab-1"}, []int{7, 5, 4, 3, 2, 1}}, // each once
		{&access.Viewer{Subject: "carl", Roles: []string{"none"}, RequestID: "tab-2"}, []int{7, 1}},
		{&access.Viewer{Subject: "staff", Roles: []string{"ann", "tab-1"}, RequestID: "ann"}, []int{7, 1}}, // of other kinds
		{&access.Viewer{Subject: "bob", Single: true}, []int{6, 3}},
		{&access.Viewer{Single: true}, nil},
	} {
		f.wantList(task.Query{Viewer: c.viewer}, c.want...)
		for _, q := range []task.Query{{Unfinished: true}, {Unsettled: true}, {Status: task.Pending}, {Type: "demo"}} {
			q.Viewer = c.viewer
			f.wantList(q, c.want...)
		}
		f.wantList(task.Query{Type: "none", Viewer: c.viewer})
		if t.Failed() {
			t.Fatalf("viewer %+v", c.viewer)
		}
	}
}

func pagesOfViewer(t *testing.T, f fixture) {
	ann := &access.Viewer{Subject: "ann"}
	var others []task.Task
	for n := range 24 {
		switch n % 4 {
		case 0:
			f.create(forSome(n, access.Audience{Subjects: []string{"ann"}}))
		case 1:
			f.create(pending(n))
		default:
			others = append(others, f.createOne(forSome(n, access.Audience{Subjects: []string{"bob"}})))
		}
	}
	type page struct {
		IDs  []task.ID
		Next string
	}
	read := func() (all []page) {
		for q := (task.Query{Limit: 3, Viewer: ann}); ; {
			tasks, next := f.page(q)
			all = append(all, page{idsOf(tasks), next})
			if q.Cursor = next; next == "" {
				return all
			}
		}
	}
	beside := read()
	if last := beside[len(beside)-1]; len(beside) != 4 || len(last.IDs) != 3 {
		t.Errorf("12 tasks by 3 came on %d pages, %d on the last", len(beside), len(last.IDs))
	}
	for _, other := range others {
		f.remove(other)
	}
	if diff := cmp.Diff(read(), beside); diff != "" {
		t.Errorf("the pages differ (-alone +beside others' tasks):\n%s", diff)
	}
	f.createOne(forSome(100, access.Audience{Subjects: []string{"bob"}})) // a cursor of another's does not help
	_, next := f.page(task.Query{Limit: 1, Viewer: &access.Viewer{Subject: "bob", Single: true}})
	if next != "" {
		t.Errorf("the only task of bob's is followed by %q", next)
	}
	tasks, _ := f.page(task.Query{Viewer: &access.Viewer{Subject: "bob", Single: true}, Cursor: beside[0].Next})
	f.wantNumbers(tasks)
}

func listChangesForViewer(_ *testing.T, f fixture) {
	ann := func(q task.Query) task.Query {
		q.Viewer = &access.Viewer{Subject: "ann", Roles: []string{"staff"}}
		return q
	}
	both := access.Audience{Subjects: []string{"ann"}, Roles: []string{"staff"}}
	created := f.create(forSome(1, both), forSome(2, both), pending(3), forSome(9, access.Audience{Subjects: []string{"bob"}}))
	running := f.update(created[0], func(t *task.Task) { t.Status = task.Running })
	f.wantList(ann(task.Query{Unfinished: true}), 3, 2, 1)
	f.wantList(ann(task.Query{Status: task.Running}), 1)
	ended := f.update(running, func(t *task.Task) { finish(5)(t); t.FinalEventPending = true })
	f.wantList(ann(task.Query{Unfinished: true}), 3, 2)
	f.wantList(ann(task.Query{Unsettled: true}), 3, 2, 1)
	ended = f.update(ended, func(t *task.Task) { t.FinalEventPending = false })
	f.wantList(ann(task.Query{Unsettled: true}), 3, 2)
	f.wantList(ann(task.Query{Status: task.Completed}), 1)
	f.update(created[2], finish(6))
	f.wantList(ann(task.Query{Unfinished: true}), 2)
	f.remove(ended)
	f.remove(created[1])
	f.wantList(ann(task.Query{}), 3)
	again := f.create(forSome(4, both))
	f.wantList(ann(task.Query{}), 4, 3)
	f.want(again[0])
}
