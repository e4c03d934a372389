package taskservicecontract

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

func (f fixture) startLabelled(labels task.Labels) task.ID {
	f.t.Helper()
	t, err := f.Tasks.Start(f.t.Context(), task.Request{Type: f.Type, Labels: labels})
	if err != nil {
		f.t.Fatalf("Start: %v", err)
	}
	return t.ID
}

func labels(t *testing.T, f fixture) {
	most := make(task.Labels)
	for i := range task.MaxLabels {
		most[fmt.Sprintf("%02d.A_/-", i)+strings.Repeat("k", 56)] = strings.Repeat("😀", 256)
	}
	for _, want := range []task.Labels{{"a": "b:c", "empty": ""}, most} {
		id := f.startLabelled(maps.Clone(want))
		check := func(status task.Status) {
			t.Helper()
			if diff := cmp.Diff(want, f.want(id, status).Labels); diff != "" {
				t.Errorf("when it is %s (-want +got):\n%s", status, diff)
			}
		}
		check(task.Pending)
		f.begin(id)
		f.wantError(second(f.Tasks.Cancel(t.Context(), id)), nil)
		check(task.Running)
		f.Complete(t, id)
		check(task.Completed)
	}
	if got := f.start(nil, ""); len(got.Labels) > 0 {
		t.Errorf("without labels a task has %v", got.Labels)
	}
}

func labelsOfSameKey(t *testing.T, f fixture) {
	first, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, Key: "key", Labels: task.Labels{"a": "1"}})
	f.wantError(err, nil)
	again, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, Key: "key", Labels: task.Labels{"a": "2"}})
	f.wantError(err, nil)
	if again.ID != first.ID || again.Labels["a"] != "1" {
		t.Errorf("the key gives %s with %v", again.ID, again.Labels)
	}
}

func badLabels(t *testing.T, f fixture) {
	many := make(task.Labels)
	for i := range task.MaxLabels + 1 {
		many[fmt.Sprint(i)] = ""
	}
	for word, bad := range map[string]task.Labels{
		`""`: {"": "x"}, `"a:b"`: {"ok": "x", "a:b": "x"}, `"a b"`: {"a b": ""}, `"é"`: {"é": ""}, `"kkkk`: {strings.Repeat("k", 64): ""},
		"17": many, `"long"`: {"long": strings.Repeat("x", 257)}, `"runes"`: {"runes": strings.Repeat("é", 257)},
		`"line"`: {"line": "a\nb"}, `"zero"`: {"zero": "\x00"}, `"delete"`: {"delete": "\x7f"}, `"c1"`: {"c1": "\u0085"}, `"bytes"`: {"bytes": "a\xff"},
	} {
		_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, Key: "key", Labels: bad})
		f.wantError(err, task.ErrInvalidLabels)
		if err != nil && !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %s", err, word)
		}
	}
	f.wantCount(0)
	f.start(nil, "key") // it was not used
}

// wantCancelled cancels what q selects, which must be so many.
func (f fixture) wantCancelled(q task.Query, want int) {
	f.t.Helper()
	if n, err := f.Tasks.CancelAll(f.t.Context(), q); err != nil || n != want {
		f.t.Errorf("CancelAll(%+v) returned %d, %v; want %d", q, n, err, want)
	}
}

func cancelAll(t *testing.T, f fixture) {
	mine := task.Query{Labels: []task.Label{{Key: "page", Value: "exports"}}}
	running, pending := f.startLabelled(task.Labels{"page": "exports"}), f.startLabelled(task.Labels{"page": "exports", "n": "2"})
	other, none := f.startLabelled(task.Labels{"page": "imports"}), f.start(nil, "").ID
	f.begin(running)
	f.wantCancelled(task.Query{Type: "no-such-type"}, 0)
	f.wantCancelled(task.Query{Status: task.Completed}, 0)
	f.wantCancelled(mine, 2)
	if got := f.want(running, task.Running); !got.CancelRequested {
		t.Error("the running one was not asked to stop")
	}
	f.want(pending, task.Cancelled)
	f.want(other, task.Pending)
	f.want(none, task.Pending)
	f.wantCancelled(mine, 1) // the one that still runs
	f.Complete(t, running)
	f.wantCancelled(mine, 0)
	f.want(running, task.Completed)
	f.wantCancelled(task.Query{IDs: []task.ID{other, running, "no-such-task"}}, 1)
	f.want(other, task.Cancelled)
	f.wantCancelled(task.Query{Type: f.Type, Status: task.Pending, Limit: 1, Cursor: "x"}, 1)
	f.want(none, task.Cancelled)
}

func cancelAllWithoutFilter(t *testing.T, f fixture) {
	id := f.start(nil, "").ID
	for _, q := range []task.Query{{}, {Owner: "ann"}, {Viewer: &access.Viewer{}}, {Unfinished: true, Unsettled: true, Limit: 1}} {
		_, err := f.Tasks.CancelAll(t.Context(), q)
		f.wantError(err, task.ErrNoFilter)
	}
	f.want(id, task.Pending)
}

func cancelAllOfViewer(_ *testing.T, f fixture) {
	anns := f.startAs("ann", "", given(&access.Audience{Subjects: []string{"ann"}}), false).ID
	bobs := f.startAs("bob", "", given(&access.Audience{Subjects: []string{"bob"}}), false).ID
	everyones := f.startAs("bob", "", given(nil), false).ID
	f.wantCancelled(task.Query{IDs: []task.ID{bobs}, Viewer: &access.Viewer{Subject: "ann"}}, 0)
	f.wantCancelled(task.Query{Type: f.Type, Viewer: &access.Viewer{Subject: "ann"}}, 2)
	f.want(anns, task.Cancelled)
	f.want(everyones, task.Cancelled)
	f.want(bobs, task.Pending)
}
