package guard_test

import (
	"context"
	"fmt"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// worker is a key that is for the type "far".
var worker = access.Principal{Subject: "key:worker", Scopes: access.ScopesOf(access.TasksWork), TaskTypes: []string{"far"}}

func TestAWorkerClaimsTasksOfItsTypesOnly(t *testing.T) { // A5, A8
	t.Parallel()
	f := newFixture(t)
	wantForbidden(t, second(f.Workers.Claim(as(t, worker), []string{"far", "farther"}, "")), "")
	f.workers.EXPECT().Claim(gomock.Any(), []string{"far"}, gomock.Any()).Return(task.Claim{Lease: "lease"}, nil)
	if got, err := f.Workers.Claim(as(t, worker), []string{"far"}, ""); err != nil || got.Lease != "lease" {
		t.Errorf("Claim returned %+v, %v", got, err)
	}
}

func TestAWorkerWithoutANameHasThatOfItsCredential(t *testing.T) { // A5, T20
	t.Parallel()
	user := access.Principal{Subject: "ann", Scopes: access.ScopesOf(access.TasksWork, access.TasksStart)}
	for _, c := range []struct {
		principal   access.Principal
		given, want string
	}{{worker, "", "worker"}, {worker, "second", "second"}, {user, "", "ann"}} {
		f := newFixture(t)
		f.workers.EXPECT().Claim(gomock.Any(), gomock.Any(), c.want)
		if _, err := f.Workers.Claim(as(t, c.principal), []string{"far"}, c.given); err != nil {
			t.Error(err)
		}
	}
	f := newFixture(t)
	f.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).DoAndReturn(func(_ context.Context, r task.Request) (task.Task, error) {
		if r.Worker != "ann" {
			t.Errorf("the caller of a start is the worker %q", r.Worker)
		}
		return task.Task{}, nil
	})
	if _, err := f.Tasks.Start(as(t, user), task.Request{Type: "far", Claim: true}); err != nil {
		t.Error(err)
	}
}

func TestAWorkerKnowsOfNoTaskThatItCouldNotHaveClaimed(t *testing.T) { // A5, A9
	t.Parallel()
	lost := fmt.Errorf("%w: somebody has it", task.ErrLeaseLost)
	every := worker
	every.TaskTypes = nil
	for name, c := range map[string]struct {
		p     access.Principal
		typ   string
		asked bool // what is beneath
		says  error
		want  error
	}{
		"a type of its own":             {worker, "far", true, nil, nil},
		"a lease that is not its own":   {worker, "far", true, lost, task.ErrLeaseLost},
		"another's type":                {worker, "farther", false, nil, task.ErrNotFound},
		"a type that the service runs":  {worker, "plain", false, nil, task.ErrNotFound},
		"any type, with its lease":      {every, "farther", true, nil, nil},
		"any type, with another lease":  {every, "farther", true, lost, task.ErrLeaseLost},
		"not one that the service runs": {every, "plain", true, lost, task.ErrNotFound},
		"not one that is not there":     {every, "", true, fmt.Errorf("read it: %w", task.ErrNotFound), task.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.reader.EXPECT().Get(gomock.Any(), task.ID("t")).AnyTimes().Return(task.Task{ID: "t", Type: c.typ, Audience: subject("bob")}, nil)
			if c.asked {
				f.workers.EXPECT().Progress(gomock.Any(), task.ID("t"), task.Lease("lease"), gomock.Any()).Return(true, c.says)
				f.workers.EXPECT().Complete(gomock.Any(), task.ID("t"), task.Lease("lease"), gomock.Any()).Return(c.says)
				f.workers.EXPECT().Fail(gomock.Any(), task.ID("t"), task.Lease("lease"), task.Failure{Error: "oh"}).Return(c.says)
				f.workers.EXPECT().Release(gomock.Any(), task.ID("t"), task.Lease("lease")).Return(c.says)
			}
			ctx := as(t, c.p)
			cancelled, err := f.Workers.Progress(ctx, "t", "lease", task.Update{})
			if cancelled != c.asked {
				t.Errorf("cancelled: %t", cancelled)
			}
			for _, err := range []error{err, f.Workers.Complete(ctx, "t", "lease", nil), f.Workers.Fail(ctx, "t", "lease", task.Failure{Error: "oh"}), f.Workers.Release(ctx, "t", "lease")} {
				if wantError(t, err, c.want); c.want == task.ErrNotFound && fmt.Sprint(err) != c.want.Error() { //nolint:errorlint // which of the cases it is
					t.Errorf("the text is %q", err)
				}
			}
		})
	}
}

// A broker that is away must not cost workers their leases.
func TestAReportOfAWorkerForAllTypesNeedsNoStore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	every := worker
	every.TaskTypes = nil
	f.reader.EXPECT().Get(gomock.Any(), gomock.Any()).Times(0)
	f.workers.EXPECT().Progress(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any())
	wantError(t, second(f.Workers.Progress(as(t, every), "t", "lease", task.Update{})), nil)
}

func TestAWorkersTaskThatCannotBeLookedUpIsNotShown(t *testing.T) { // A9
	t.Parallel()
	f := newFixture(t)
	f.reader.EXPECT().Get(gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(func(context.Context, task.ID) (task.Task, error) {
		return task.Task{}, task.ErrUnavailable
	})
	wantError(t, f.Workers.Complete(as(t, worker), "t", "lease", nil), task.ErrUnavailable)
}

// A worker that shows its lease is found its task, without the scope to read tasks and
// whatever the task's audience, and no task that it could not have claimed.
func TestAWorkerIsFoundTheTaskOfItsLease(t *testing.T) { // A5, A8, A9
	t.Parallel()
	for typ, want := range map[string]error{"far": nil, "farther": task.ErrNotFound, "plain": task.ErrNotFound} {
		f := newFixture(t)
		f.reader.EXPECT().Get(gomock.Any(), task.ID("t")).Return(task.Task{ID: "t", Type: typ, Lease: "lease", Audience: subject("bob")}, nil)
		got, err := f.Workers.Get(as(t, worker), "t")
		if wantError(t, err, want); want == nil && got.Lease != "lease" {
			t.Errorf("Get returned %+v", got)
		}
	}
	f := newFixture(t)
	f.reader.EXPECT().Get(gomock.Any(), gomock.Any()).Times(0)
	wantForbidden(t, second(f.Workers.Get(as(t, access.Principal{Subject: "ann", Scopes: access.ScopesOf(access.TasksRead)}), "t")), "tasks:work")
}
