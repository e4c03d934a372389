package guard_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

func TestStartSaysWhoseTaskItIsAndWhomItIsFor(t *testing.T) { // A11
	t.Parallel()
	given := func(a *access.Audience) access.Choice { return access.Choice{Given: true, Audience: a} }
	names := access.Principal{Subject: "ann", Scopes: access.ScopesOf(access.TasksStart, access.AudienceAny), OtherScopes: []string{"reports:start"}}
	for name, c := range map[string]struct {
		request task.Request
		want    *access.Audience
	}{
		"the one who starts it":       {task.Request{Type: "plain"}, subject("ann")},
		"what its type says, and her": {task.Request{Type: "staff only"}, &access.Audience{Roles: []string{"staff"}, Subjects: []string{"ann"}}},
		"whom she names, and her":     {task.Request{Type: "staff only", Audience: given(subject("bob"))}, subject("bob", "ann")},
		"everyone":                    {task.Request{Type: "plain", Audience: given(nil)}, nil},
		"those who follow it":         {task.Request{Type: "plain", Followed: true}, subject("ann")},
		"an owner that is made up":    {task.Request{Type: "plain", Owner: "bob"}, subject("ann")},
		"an unknown type":             {task.Request{Type: "unknown"}, subject("ann")}, // to be refused beneath
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.request.Key, c.request.Params = "key", []byte(`{}`)
			want := c.request
			want.Owner, want.Audience = "ann", given(c.want)
			f.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).DoAndReturn(func(_ context.Context, got task.Request) (task.Task, error) {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("started is (-want +got):\n%s", diff)
				}
				return task.Task{ID: "t", Audience: subject(access.TaskSubject + "t")}, nil
			})
			if got, err := f.Tasks.Start(as(t, names), c.request); err != nil || got.ID != "t" {
				t.Errorf("Start returned %+v, %v", got, err)
			}
		})
	}
}

// A key that is for one type starts and runs tasks of that.
func TestTheStarterOfATaskMayBeItsWorker(t *testing.T) { // A5, A8, T20
	t.Parallel()
	both := access.Principal{Subject: "key:queue", Scopes: access.ScopesOf(access.TasksStart, access.TasksWork), TaskTypes: []string{"far"}}
	f := newFixture(t)
	f.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).DoAndReturn(func(_ context.Context, got task.Request) (task.Task, error) {
		return task.Task{ID: "t", Owner: got.Owner, Lease: "lease", Term: 1}, nil
	})
	if got, err := f.Tasks.Start(as(t, both), task.Request{Type: "far", Claim: true}); err != nil || got.Lease != "lease" || got.Term != 1 || got.Owner != "key:queue" {
		t.Errorf("Start returned %+v, %v", got, err)
	}
	_, err := f.Tasks.Start(as(t, both), task.Request{Type: "farther", Claim: true})
	wantForbidden(t, err, "")
}

func TestStartIsRefused(t *testing.T) { // A8, A9, A11, T20
	t.Parallel()
	some := access.Choice{Given: true, Audience: subject("bob")}
	everyone := access.Choice{Given: true}
	ofOneTask := access.Choice{Given: true, Audience: subject("bob", access.TaskSubject+"t")}
	for name, c := range map[string]struct {
		p       access.Principal
		request task.Request
		missing string
		err     error
	}{
		"a type that asks for a scope of its own": {p: ann(access.TasksStart), request: task.Request{Type: "staff only"}, missing: "reports:start"},
		"an audience, without the scope":          {p: ann(access.TasksStart), request: task.Request{Type: "plain", Audience: some}, missing: "audience"},
		"a token to follow it, without the scope": {p: ann(access.TasksStart), request: task.Request{Type: "plain", Followed: true}, missing: "audience"},
		"a token to follow what is for everyone":  {p: ann(access.Admin), request: task.Request{Type: "plain", Followed: true, Audience: everyone}, err: access.ErrInvalidAudience},
		"to be its worker, without the scope":     {p: ann(access.TasksStart), request: task.Request{Type: "far", Claim: true}, missing: "tasks:work"},
		"to be its worker, without the other one": {p: ann(access.TasksWork), request: task.Request{Type: "far", Claim: true}, missing: "tasks:start"},
		"the subject of a token for another task": {p: ann(access.Admin), request: task.Request{Type: "plain", Audience: ofOneTask}, err: access.ErrInvalidAudience},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newFixture(t).Tasks.Start(as(t, c.p), c.request) // what is beneath is not called
			if c.err != nil {
				wantError(t, err, c.err)
			} else {
				wantForbidden(t, err, c.missing)
			}
		})
	}
}

func TestATaskThatCannotBeFollowedIsNotGivenToBe(t *testing.T) { // A11, T14
	t.Parallel()
	f := newFixture(t)
	f.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).Return(task.Task{ID: "t", Audience: subject("ann")}, nil) // of an earlier start
	wantError(t, second(f.Tasks.Start(as(t, ann(access.Admin)), task.Request{Type: "plain", Key: "key", Followed: true})), access.ErrInvalidAudience)
}

func TestAKeyForSomeTypesStartsNoOthers(t *testing.T) { // A5
	t.Parallel()
	f := newFixture(t)
	key := access.Principal{Subject: "key:ci", Scopes: access.ScopesOf(access.TasksStart), TaskTypes: []string{"far"}}
	wantForbidden(t, second(f.Tasks.Start(as(t, key), task.Request{Type: "plain"})), "")
	f.tasks.EXPECT().Start(gomock.Any(), gomock.Any())
	wantError(t, second(f.Tasks.Start(as(t, key), task.Request{Type: "far"})), nil)
}

func TestAListIsThatOfThePrincipal(t *testing.T) { // A9, A12
	t.Parallel()
	f := newFixture(t)
	want := task.Query{Type: "plain", Limit: 2, Viewer: &access.Viewer{Subject: "ann", Roles: []string{"sales"}}}
	f.reader.EXPECT().List(gomock.Any(), want).Return([]task.Task{{ID: "t"}}, "next", nil)
	q := task.Query{Type: "plain", Limit: 2, Viewer: &access.Viewer{All: true}} // which it is not
	if page, next, err := f.Reader.List(as(t, ann(access.TasksRead)), q); err != nil || len(page) != 1 || next != "next" {
		t.Errorf("List returned %v, %q, %v", page, next, err)
	}
}

func TestWhatIsCancelledTogetherIsOfThePrincipal(t *testing.T) { // T17, A9
	t.Parallel()
	f := newFixture(t)
	labels := []task.Label{{Key: "page", Value: "exports"}}
	f.tasks.EXPECT().CancelAll(gomock.Any(), task.Query{Labels: labels, Viewer: &access.Viewer{Subject: "ann", Roles: []string{"sales"}}}).Return(3, nil)
	q := task.Query{Labels: labels, Viewer: &access.Viewer{All: true}} // which it is not
	if n, err := f.Tasks.CancelAll(as(t, ann(access.TasksCancel)), q); n != 3 || err != nil {
		t.Errorf("CancelAll returned %d, %v", n, err)
	}
}
