package taskservicecontract

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// startAs starts a task of the owner's, for the audience.
func (f fixture) startAs(owner, key string, a access.Choice, follow bool) task.Task {
	f.t.Helper()
	t, err := f.Tasks.Start(f.t.Context(), task.Request{Type: f.Type, Key: key, Owner: owner, Audience: a, Followed: follow})
	if err != nil {
		f.t.Fatalf("Start: %v", err)
	}
	return t
}

func given(a *access.Audience) access.Choice { return access.Choice{Given: true, Audience: a} }

func keysOfOwners(t *testing.T, f fixture) {
	first := map[string]task.ID{}
	for _, owner := range []string{"ann", "", "bob"} {
		first[owner] = f.startAs(owner, "key", access.Choice{}, false).ID
	}
	f.wantCount(3)
	for owner, id := range first {
		if again := f.startAs(owner, "key", given(&access.Audience{Subjects: []string{"carl"}}), false); again.ID != id || again.Audience != nil {
			t.Errorf("the key of %q gives %s for %v, want %s for everyone", owner, again.ID, again.Audience, id)
		}
		_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, Params: f.BadParams, Key: "key", Owner: owner})
		f.wantError(err, nil)
	}
	f.wantCount(3)
	_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Type, Params: f.BadParams, Key: "key", Owner: "carl"})
	f.wantError(err, task.ErrInvalidParams) // and not another's task
}

func audience(t *testing.T, f fixture) {
	everybody := f.startAs("", "", access.Choice{}, false)
	asked := f.startAs("ann", "", given(nil), false)
	if everybody.Audience != nil || asked.Audience != nil || everybody.Owner != "" || asked.Owner != "ann" {
		t.Errorf("for everyone are %+v and %+v", everybody, asked)
	}
	want := &access.Audience{Subjects: []string{"ann"}, Roles: []string{"staff"}, RequestIDs: []string{"tab-1"}}
	id := f.startAs("ann", "", given(want), false).ID
	check := func(status task.Status) {
		t.Helper()
		got := f.want(id, status)
		if diff := cmp.Diff(want, got.Audience); diff != "" || got.Owner != "ann" {
			t.Errorf("when it is %s the owner is %q and the audience (-want +got):\n%s", status, got.Owner, diff)
		}
	}
	check(task.Pending)
	for _, other := range []task.ID{everybody.ID, asked.ID, id} {
		f.begin(other)
	}
	f.wantError(second(f.Tasks.Cancel(t.Context(), id)), nil)
	check(task.Running)
	f.Complete(t, id)
	check(task.Completed)
}

func followed(t *testing.T, f fixture) {
	got := f.startAs("ann", "", given(&access.Audience{Subjects: []string{"ann"}}), true)
	if !slices.Contains(got.Audience.Subjects, access.TaskSubject+string(got.ID)) || !slices.Contains(got.Audience.Subjects, "ann") {
		t.Errorf("%s is for %v", got.ID, got.Audience)
	}
	if got := f.startAs("ann", "", given(nil), true); got.Audience != nil {
		t.Errorf("%s is for %v, want everyone", got.ID, got.Audience)
	}
}
