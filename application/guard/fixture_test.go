package guard_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/application/guard"
	"heliograph/domain/access"
	"heliograph/domain/task"
	"heliograph/test/mocks"
)

// types are what can be started, and worked on.
var types = []task.Type{
	{Name: "plain"},
	{Name: "staff only", Scope: "reports:start", Audience: access.Choice{Given: true, Audience: &access.Audience{Roles: []string{"staff"}}}},
	{Name: "far", Outside: true},
	{Name: "farther", Outside: true},
}

func typeOf(name string) (task.Type, bool) {
	i := slices.IndexFunc(types, func(t task.Type) bool { return t.Name == name })
	if i < 0 {
		return task.Type{}, false
	}
	return types[i], true
}

// fixture has all guards with mocks beneath them.
type fixture struct {
	tasks    *mocks.MockTaskService
	reader   *mocks.MockTaskReader
	workers  *mocks.MockTaskWorkers
	versions *mocks.MockVersionService
	events   *mocks.MockAppEventService

	Tasks    *guard.Tasks
	Reader   *guard.Reader
	Workers  *guard.Workers
	Versions *guard.Versions
	Events   *guard.Events
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ctrl := gomock.NewController(t)
	f := &fixture{
		tasks: mocks.NewMockTaskService(ctrl), reader: mocks.NewMockTaskReader(ctrl),
		workers: mocks.NewMockTaskWorkers(ctrl), versions: mocks.NewMockVersionService(ctrl),
		events: mocks.NewMockAppEventService(ctrl),
	}
	policy := newPolicy(ctrl)
	f.Tasks, f.Reader = guard.NewTasks(f.tasks, f.reader, typeOf, policy), guard.NewReader(f.reader, policy)
	f.Workers, f.Versions = guard.NewWorkers(f.workers, f.reader, typeOf, policy), guard.NewVersions(f.versions, policy)
	f.Events = guard.NewEvents(f.events, policy)
	return f
}

// newPolicy returns a policy that lets principals do what their scopes say.
func newPolicy(ctrl *gomock.Controller) *mocks.MockAccessPolicy {
	policy := mocks.NewMockAccessPolicy(ctrl)
	policy.EXPECT().Allow(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(
		func(p *access.Principal, need access.Scope, kind access.TaskKind) error {
			switch {
			case !p.Scopes.Has(need):
				return &access.ForbiddenError{Missing: need.String()}
			case kind.Scope != "" && !slices.Contains(p.OtherScopes, kind.Scope):
				return &access.ForbiddenError{Missing: kind.Scope}
			case kind.Type != "" && len(p.TaskTypes) > 0 && !slices.Contains(p.TaskTypes, kind.Type):
				return &access.ForbiddenError{Reason: "not for this type"}
			}
			return nil
		})
	policy.EXPECT().Audience(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(
		func(p *access.Principal, asked, byType access.Choice) (*access.Audience, error) {
			onlyOwn := asked.Audience != nil && slices.Equal(asked.Audience.Subjects, []string{p.Subject}) && len(asked.Audience.Roles)+len(asked.Audience.RequestIDs) == 0
			if asked.Given && !onlyOwn && !p.Scopes.Has(access.AudienceAny) {
				return nil, &access.ForbiddenError{Missing: "audience"}
			}
			own := access.Choice{Audience: &access.Audience{Subjects: []string{p.Subject}}}
			return asked.Or(byType).Or(own).Audience.With(p.Subject), nil
		})
	policy.EXPECT().Viewer(gomock.Any()).AnyTimes().DoAndReturn((*access.Principal).Viewer)
	return policy
}

// as returns the context of a request that comes from p.
func as(t *testing.T, p access.Principal) context.Context {
	t.Helper()
	return access.NewContext(t.Context(), &p)
}

func ann(scopes ...access.Scope) access.Principal {
	return access.Principal{Subject: "ann", Roles: []string{"sales"}, Scopes: access.ScopesOf(scopes...)}
}

// follower holds a token for the task "t".
func follower(scopes ...access.Scope) access.Principal {
	return access.Principal{Subject: access.TaskSubject + "t", TaskID: "t", Scopes: access.ScopesOf(scopes...)}
}

// holds has the reader find a task that is for the audience.
func (f *fixture) holds(id task.ID, audience *access.Audience) {
	t := task.Task{ID: id, Type: "plain", Audience: audience}
	f.reader.EXPECT().Get(gomock.Any(), id).AnyTimes().Return(t, nil)
}

func subject(names ...string) *access.Audience { return &access.Audience{Subjects: names} }

// wantForbidden checks that the scope of that name is said to be missing.
func wantForbidden(t *testing.T, err error, missing string) {
	t.Helper()
	forbidden, ok := errors.AsType[*access.ForbiddenError](err)
	if !ok || forbidden.Missing != missing {
		t.Errorf("error is %v, want that the scope %q is missing", err, missing)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error is %v, want %v", got, want)
	}
}

func second[T any](_ T, err error) error { return err }

func third[T, U any](_ T, _ U, err error) error { return err }
