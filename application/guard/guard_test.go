package guard_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/domain/access"
	"heliograph/domain/appevent"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// call is one method of a guard, the scope that it needs, and how what is beneath it is
// called.
type call struct {
	need   access.Scope // 0 is none
	make   func(f *fixture, ctx context.Context) error
	expect func(f *fixture)
	// ofOneTask says that the holder of a token for the task may make it.
	ofOneTask bool
}

// calls are all methods of all guards, about a task of ann's and her type.
var calls = map[string]call{
	"Start": {
		need: access.TasksStart,
		make: func(f *fixture, ctx context.Context) error {
			return second(f.Tasks.Start(ctx, task.Request{Type: "plain"}))
		},
		expect: func(f *fixture) { f.tasks.EXPECT().Start(gomock.Any(), gomock.Any()) },
	},
	"Cancel": {
		need: access.TasksCancel, ofOneTask: true,
		make:   func(f *fixture, ctx context.Context) error { return second(f.Tasks.Cancel(ctx, "t")) },
		expect: func(f *fixture) { f.tasks.EXPECT().Cancel(gomock.Any(), task.ID("t")) },
	},
	"CancelAll": {
		need: access.TasksCancel,
		make: func(f *fixture, ctx context.Context) error {
			return second(f.Tasks.CancelAll(ctx, task.Query{Type: "plain"}))
		},
		expect: func(f *fixture) { f.tasks.EXPECT().CancelAll(gomock.Any(), gomock.Any()) },
	},
	"Remove": {
		need:   access.TasksCancel,
		make:   func(f *fixture, ctx context.Context) error { return f.Tasks.Remove(ctx, "t") },
		expect: func(f *fixture) { f.tasks.EXPECT().Remove(gomock.Any(), task.ID("t")) },
	},
	"Get": {
		need: access.TasksRead, ofOneTask: true,
		make:   func(f *fixture, ctx context.Context) error { return second(f.Reader.Get(ctx, "t")) },
		expect: func(*fixture) {},
	},
	"List": {
		need: access.TasksRead, ofOneTask: true,
		make:   func(f *fixture, ctx context.Context) error { return third(f.Reader.List(ctx, task.Query{})) },
		expect: func(f *fixture) { f.reader.EXPECT().List(gomock.Any(), gomock.Any()) },
	},
	"Types": {
		need:   access.TasksRead,
		make:   func(f *fixture, ctx context.Context) error { return second(f.Reader.Types(ctx)) },
		expect: func(f *fixture) { f.reader.EXPECT().Types(gomock.Any()) },
	},
	"Claim": {
		need:   access.TasksWork,
		make:   func(f *fixture, ctx context.Context) error { return second(f.Workers.Claim(ctx, []string{"far"}, "")) },
		expect: func(f *fixture) { f.workers.EXPECT().Claim(gomock.Any(), []string{"far"}, gomock.Any()) },
	},
	"Progress": {
		need: access.TasksWork,
		make: func(f *fixture, ctx context.Context) error {
			return second(f.Workers.Progress(ctx, "t", "lease", task.Update{}))
		},
		expect: func(f *fixture) {
			f.workers.EXPECT().Progress(gomock.Any(), task.ID("t"), task.Lease("lease"), task.Update{})
		},
	},
	"Complete": {
		need:   access.TasksWork,
		make:   func(f *fixture, ctx context.Context) error { return f.Workers.Complete(ctx, "t", "lease", nil) },
		expect: func(f *fixture) { f.workers.EXPECT().Complete(gomock.Any(), task.ID("t"), task.Lease("lease"), nil) },
	},
	"Fail": {
		need: access.TasksWork,
		make: func(f *fixture, ctx context.Context) error {
			return f.Workers.Fail(ctx, "t", "lease", task.Failure{Error: "oh"})
		},
		expect: func(f *fixture) {
			f.workers.EXPECT().Fail(gomock.Any(), task.ID("t"), task.Lease("lease"), task.Failure{Error: "oh"})
		},
	},
	"Announce": {
		need:   access.VersionsSend,
		make:   func(f *fixture, ctx context.Context) error { return f.Versions.Announce(ctx, "r", version.Version{}) },
		expect: func(f *fixture) { f.versions.EXPECT().Announce(gomock.Any(), gomock.Any(), gomock.Any()) },
	},
	"Publish": { // A8, E11
		need: access.EventsSend,
		make: func(f *fixture, ctx context.Context) error {
			own := access.Choice{Given: true, Audience: subject("ann")}
			return second(f.Events.Publish(ctx, appevent.Request{Name: "note", Audience: own}))
		},
		expect: func(f *fixture) { f.events.EXPECT().Publish(gomock.Any(), gomock.Any()) },
	},
	"Current": { // A16
		ofOneTask: true,
		make:      func(f *fixture, ctx context.Context) error { return second(f.Versions.Current(ctx)) },
		expect:    func(f *fixture) { f.versions.EXPECT().Current(gomock.Any()) },
	},
}

func TestACallNeedsItsScopeOrAdmin(t *testing.T) { // A8, A9
	t.Parallel()
	for name, c := range calls {
		for s := range access.AllScopes.All() {
			t.Run(fmt.Sprint(name, " with ", s), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.holds("t", subject("ann"))
				ctx := as(t, ann(s))
				if c.need == 0 || s == c.need || s == access.Admin {
					c.expect(f)
					wantError(t, c.make(f, ctx), nil)
				} else { // and what is beneath the guard is not called
					wantForbidden(t, c.make(f, ctx), c.need.String())
				}
			})
		}
	}
}

func TestACallWithoutAPrincipalIsRefused(t *testing.T) { // A9
	t.Parallel()
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, c.make(newFixture(t), t.Context()), access.ErrNoCredential)
		})
	}
}

func TestATokenForOneTaskIsForNothingElse(t *testing.T) { // A9, A12
	t.Parallel()
	all := follower(access.Admin) // whatever its scopes
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.holds("t", subject("ann", access.TaskSubject+"t"))
			if c.ofOneTask {
				c.expect(f)
				wantError(t, c.make(f, as(t, all)), nil)
			} else {
				wantForbidden(t, c.make(f, as(t, all)), "")
			}
		})
	}
	f := newFixture(t)
	f.holds("other", nil)
	wantError(t, second(f.Reader.Get(as(t, all), "other")), task.ErrNotFound)
	wantError(t, second(f.Tasks.Cancel(as(t, all), "other")), task.ErrNotFound)
	f.holds("t", nil) // a task that it does not name
	wantError(t, second(f.Reader.Get(as(t, follower(access.TasksRead)), "t")), task.ErrNotFound)
}

func TestATaskThatMayNotBeSeenIsNotThere(t *testing.T) { // A9, A12
	t.Parallel()
	scopes := []access.Scope{access.TasksRead, access.TasksCancel}
	methods := map[string]func(f *fixture, ctx context.Context, id task.ID) error{
		"Get":    func(f *fixture, ctx context.Context, id task.ID) error { return second(f.Reader.Get(ctx, id)) },
		"Cancel": func(f *fixture, ctx context.Context, id task.ID) error { return second(f.Tasks.Cancel(ctx, id)) },
		"Remove": func(f *fixture, ctx context.Context, id task.ID) error { return f.Tasks.Remove(ctx, id) },
	}
	for name, method := range methods {
		for audience, c := range map[string]struct {
			audience *access.Audience
			seen     bool
		}{
			"everyone":             {nil, true},
			"her":                  {subject("bob", "ann"), true},
			"a role of hers":       {&access.Audience{Roles: []string{"sales"}}, true},
			"another":              {subject("bob"), false},
			"another role":         {&access.Audience{Roles: []string{"staff"}}, false},
			"a role of her name":   {&access.Audience{Roles: []string{"ann"}}, false},
			"a stream of her name": {&access.Audience{RequestIDs: []string{"ann"}}, false},
			"no one at all":        {&access.Audience{}, false},
		} {
			t.Run(name+" of a task for "+audience, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.holds("t", c.audience)
				unreadable := fmt.Errorf("%w: its record cannot be read", task.ErrNotFound)
				f.reader.EXPECT().Get(gomock.Any(), task.ID("none")).AnyTimes().Return(task.Task{}, unreadable)
				if c.seen {
					f.tasks.EXPECT().Cancel(gomock.Any(), task.ID("t")).AnyTimes()
					f.tasks.EXPECT().Remove(gomock.Any(), task.ID("t")).AnyTimes()
					wantError(t, method(f, as(t, ann(scopes...)), "t"), nil)
					return
				}
				hidden, missing := method(f, as(t, ann(scopes...)), "t"), method(f, as(t, ann(scopes...)), "none")
				if wantError(t, hidden, task.ErrNotFound); fmt.Sprint(hidden) != fmt.Sprint(missing) {
					t.Errorf("hidden: %q, missing: %q", hidden, missing)
				}
				f.tasks.EXPECT().Cancel(gomock.Any(), task.ID("t")).AnyTimes()
				f.tasks.EXPECT().Remove(gomock.Any(), task.ID("t")).AnyTimes()
				wantError(t, method(f, as(t, ann(access.Admin)), "t"), nil)
			})
		}
	}
}

func TestAStoreThatFailsIsNotATaskThatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reader.EXPECT().Get(gomock.Any(), gomock.Any()).AnyTimes().Return(task.Task{}, task.ErrUnavailable)
	ctx := as(t, ann(access.Admin))
	for _, err := range []error{second(f.Reader.Get(ctx, "t")), second(f.Tasks.Cancel(ctx, "t")), f.Tasks.Remove(ctx, "t")} {
		if wantError(t, err, task.ErrUnavailable); errors.Is(err, task.ErrNotFound) {
			t.Errorf("error is %v", err)
		}
	}
}
