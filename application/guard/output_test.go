package guard_test

import (
	"errors"
	"fmt"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/guard"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/test/mocks"
)

func TestOutputIsReadByThoseWhoMaySeeTheTask(t *testing.T) { // A9, A12, T22
	t.Parallel()
	reads := access.ScopesOf(access.TasksRead)
	for name, c := range map[string]struct {
		p    access.Principal
		want error
	}{
		"its owner":                     {access.Principal{Subject: "bob", Scopes: reads}, nil},
		"an admin":                      {access.Principal{Subject: "root", Scopes: access.ScopesOf(access.Admin)}, nil},
		"the holder of a token for it":  {access.Principal{Subject: access.TaskSubject + "t", Scopes: reads, TaskID: "t"}, nil},
		"another":                       {access.Principal{Subject: "eve", Scopes: reads}, task.ErrNotFound},
		"one with a token for another":  {access.Principal{Subject: access.TaskSubject + "u", Scopes: reads, TaskID: "u"}, task.ErrNotFound},
		"its owner, without the scope":  {access.Principal{Subject: "bob", Scopes: access.ScopesOf(access.TasksStart)}, new(access.ForbiddenError)},
		"a worker, which does not read": {access.Principal{Subject: "key:w", Scopes: access.ScopesOf(access.TasksWork)}, new(access.ForbiddenError)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ctrl := gomock.NewController(t)
			beneath := mocks.NewMockOutputReader(ctrl)
			g := guard.NewOutputReader(beneath, f.reader, newPolicy(ctrl))
			audience := subject("bob").With(access.TaskSubject + "t")
			f.reader.EXPECT().Get(gomock.Any(), task.ID("t")).AnyTimes().Return(task.Task{ID: "t", Audience: audience}, nil)
			if c.want == nil {
				beneath.EXPECT().Read(gomock.Any(), task.ID("t"), int64(3), 10).Return(output.Chunk{Length: 3}, nil)
				beneath.EXPECT().Await(gomock.Any(), task.ID("t"), int64(3), 10).Return(output.Chunk{Length: 3}, nil)
			}
			_, read := g.Read(as(t, c.p), "t", 3, 10)
			_, awaited := g.Await(as(t, c.p), "t", 3, 10)
			for what, err := range map[string]error{"Read": read, "Await": awaited} {
				_, forbidden := errors.AsType[*access.ForbiddenError](err)
				_, wanted := errors.AsType[*access.ForbiddenError](c.want)
				if forbidden != wanted || !wanted && !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", what, err, c.want)
				}
			}
		})
	}
}

func TestOutputIsAppendedByThoseWhoMayWork(t *testing.T) { // A5, A8, T21
	t.Parallel()
	f := newFixture(t)
	writer := mocks.NewMockOutputWriter(gomock.NewController(t))
	g := guard.NewOutputWriter(f.Workers, writer)
	f.reader.EXPECT().Get(gomock.Any(), task.ID("t")).AnyTimes().Return(task.Task{ID: "t", Type: "far", Audience: subject("bob")}, nil)
	f.reader.EXPECT().Get(gomock.Any(), task.ID("u")).AnyTimes().Return(task.Task{ID: "u", Type: "farther", Audience: subject("bob")}, nil)
	writer.EXPECT().Append(gomock.Any(), task.ID("t"), task.Lease("l"), int64(3), []byte("x")).Return(4, nil)
	if length, err := g.Append(as(t, worker), "t", "l", 3, []byte("x")); err != nil || length != 4 {
		t.Errorf("Append: %d, %v", length, err)
	}
	wantForbidden(t, second(g.Append(as(t, access.Principal{Subject: "bob", Scopes: access.ScopesOf(access.TasksRead, access.TasksStart)}), "t", "l", 3, nil)), "tasks:work")
	if _, err := g.Append(as(t, worker), "u", "l", 3, nil); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("another's type: %v", err)
	}
	writer.EXPECT().Append(gomock.Any(), task.ID("t"), gomock.Any(), gomock.Any(), gomock.Any()).Return(0, fmt.Errorf("append: %w", &output.OffsetError{Length: 9}))
	_, err := g.Append(as(t, worker), "t", "l", 3, nil)
	if wrong, ok := errors.AsType[*output.OffsetError](err); !ok || wrong.Length != 9 {
		t.Errorf("a wrong offset: %v", err)
	}
}

func TestOnesOwnStreamFollowsWhatItMaySee(t *testing.T) { // A9, A12, T22
	t.Parallel()
	may := access.ScopesOf(access.Stream, access.TasksRead)
	bob := access.Principal{Subject: "bob", Scopes: may}
	staff := access.Principal{Subject: "bob", Roles: []string{"staff"}, Scopes: may}
	forbidden := new(access.ForbiddenError)
	for name, c := range map[string]struct {
		caller   access.Principal
		stream   *access.Principal
		audience *access.Audience
		follow   error
		unfollow error
	}{
		"its owner":                                 {bob, &bob, subject("bob"), nil, nil},
		"a task for everyone":                       {bob, &bob, nil, nil, nil},
		"another's task":                            {bob, &bob, subject("eve"), task.ErrNotFound, nil},
		"another's stream":                          {bob, &access.Principal{Subject: "eve", Scopes: may}, nil, connection.ErrNotFound, connection.ErrNotFound},
		"a stream of nobody":                        {bob, nil, nil, connection.ErrNotFound, connection.ErrNotFound},
		"an admin, another's stream":                {access.Principal{Subject: "root", Scopes: access.AllScopes}, &bob, nil, connection.ErrNotFound, connection.ErrNotFound},
		"what the stream may not see":               {staff, &bob, &access.Audience{Roles: []string{"staff"}}, task.ErrNotFound, nil},
		"what it may":                               {staff, &staff, &access.Audience{Roles: []string{"staff"}}, nil, nil},
		"without the scope for streams":             {access.Principal{Subject: "bob", Scopes: access.ScopesOf(access.TasksRead)}, &bob, nil, forbidden, forbidden},
		"without the scope for tasks":               {access.Principal{Subject: "bob", Scopes: access.ScopesOf(access.Stream)}, &bob, nil, forbidden, nil},
		"the holder of a token for it":              {access.Principal{Subject: access.TaskSubject + "t", TaskID: "t", Scopes: may}, &access.Principal{Subject: access.TaskSubject + "t", TaskID: "t", Scopes: may}, subject("bob").With(access.TaskSubject + "t"), nil, nil},
		"the holder of a token for another of bobs": {access.Principal{Subject: access.TaskSubject + "u", TaskID: "u", Scopes: may}, &access.Principal{Subject: access.TaskSubject + "u", TaskID: "u", Scopes: may}, subject("bob"), task.ErrNotFound, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ctrl := gomock.NewController(t)
			beneath := mocks.NewMockOutputFollowers(ctrl)
			registry := memregistry.New()
			if _, err := registry.Put(t.Context(), connection.Connection{RequestID: "s", Token: "token", Principal: c.stream}); err != nil {
				t.Fatal(err)
			}
			g := guard.NewFollowers(beneath, registry, f.reader, newPolicy(ctrl))
			f.reader.EXPECT().Get(gomock.Any(), task.ID("t")).AnyTimes().Return(task.Task{ID: "t", Audience: c.audience}, nil)
			if c.follow == nil {
				beneath.EXPECT().Follow(gomock.Any(), connection.RequestID("s"), output.Followed{Task: "t", Offset: 3}).Return(nil)
			}
			if c.unfollow == nil {
				beneath.EXPECT().Unfollow(gomock.Any(), connection.RequestID("s"), task.ID("t")).Return(nil)
			}
			for _, call := range []struct{ got, want error }{
				{g.Follow(as(t, c.caller), "s", output.Followed{Task: "t", Offset: 3}), c.follow},
				{g.Unfollow(as(t, c.caller), "s", "t"), c.unfollow},
			} {
				_, refused := errors.AsType[*access.ForbiddenError](call.got)
				if wanted := errors.Is(call.want, forbidden); refused != wanted || !wanted && !errors.Is(call.got, call.want) {
					t.Errorf("%v, want %v", call.got, call.want)
				}
			}
			if err := g.Follow(as(t, c.caller), "other", output.Followed{Task: "t"}); c.unfollow == nil && !errors.Is(err, connection.ErrNotFound) {
				t.Errorf("a stream that is not there: %v", err)
			}
		})
	}
}
