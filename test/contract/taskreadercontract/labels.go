package taskreadercontract

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

func labels(t *testing.T, f fixture) {
	want := task.Labels{"page": "exports", "order": "4711"}
	id := f.Start(t, task.Request{Type: f.Type, Labels: want})
	other := f.Start(t, task.Request{Type: f.Type, Labels: task.Labels{"page": "exports"}})
	f.start(f.Type)
	got, err := f.Reader.Get(t.Context(), id)
	if diff := cmp.Diff(want, got.Labels); diff != "" || err != nil {
		t.Errorf("Get: %v (-want +got):\n%s", err, diff)
	}
	page, order := task.Label{Key: "page", Value: "exports"}, task.Label{Key: "order", Value: "4711"}
	f.wantList(task.Query{Labels: []task.Label{page}}, id, other)
	f.wantList(task.Query{Labels: []task.Label{page}, Limit: 2}, id, other)
	f.wantList(task.Query{Labels: []task.Label{page, order}}, id)
	f.wantList(task.Query{Labels: []task.Label{page}, Type: f.Other})
	if listed, _ := f.list(task.Query{Labels: []task.Label{order}}); len(listed) != 1 || !cmp.Equal(listed[0].Labels, want) {
		t.Errorf("listed are %+v", listed)
	}
}

func ids(t *testing.T, f fixture) {
	one, two, three := f.start(f.Type), f.start(f.Other), f.start(f.Type)
	anns := f.Start(t, task.Request{Type: f.Type, Audience: given(access.Audience{Subjects: []string{"ann"}})})
	for _, c := range []struct {
		viewer *access.Viewer
		want   []task.ID
	}{
		{nil, []task.ID{two, anns, one, three}},
		{&access.Viewer{Subject: "bob"}, []task.ID{two, one, three}},
	} {
		page, next := f.list(task.Query{IDs: []task.ID{two, "no-such-task", anns, one, two, three}, Limit: 1, Viewer: c.viewer})
		if diff := cmp.Diff(c.want, idsOf(page)); diff != "" || next != "" {
			t.Errorf("for %+v, next %q (-want +got):\n%s", c.viewer, next, diff)
		}
	}
}
