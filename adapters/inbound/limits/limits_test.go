package limits_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/limits"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/task"
	"heliograph/test/mocks"
)

// caller returns the context of a request of the subject, from the address.
func caller(t *testing.T, subject, address string) context.Context {
	t.Helper()
	ctx := t.Context()
	if subject != "" {
		ctx = access.NewContext(ctx, &access.Principal{Subject: subject})
	}
	if address != "" {
		ctx = access.NewAddressContext(ctx, address)
	}
	return ctx
}

// counts are refusals by limit.
type counts map[string]int

func (c counts) add(limit string) { c[limit]++ }

// manager has limits before a manager that takes everything.
func manager(t *testing.T, cfg limits.Config) *limits.Manager {
	t.Helper()
	next := mocks.NewMockConnectionManager(gomock.NewController(t))
	next.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(nil, nil).AnyTimes()
	next.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	registry := mocks.NewMockRegistry(gomock.NewController(t)) // which knows all
	registry.EXPECT().ByToken(gomock.Any(), gomock.Any()).Return(connection.Connection{}, nil).AnyTimes()
	return limits.NewManager(cfg, next, registry)
}

func connect(ctx context.Context, m *limits.Manager, id string) error {
	_, err := m.Connect(ctx, connection.RequestID(id), connection.Token("token-"+id), "")
	return err
}

// wantLimit fails unless err is a limit, and returns when to try again.
func wantLimit(t *testing.T, err error) (wait time.Duration) {
	t.Helper()
	limited, ok := errors.AsType[*access.LimitError](err)
	if !ok || limited.RetryAfter <= 0 {
		t.Errorf("%v, want a limit and when to try again", err)
		return 0
	}
	return limited.RetryAfter
}

func TestConnectionsOfOneSubjectAreBounded(t *testing.T) { // A8, G4
	refused := counts{}
	m := manager(t, limits.Config{Subject: limits.Limits{Connections: 3}, Refused: refused.add})
	ann := caller(t, "ann", "")
	for i := range 3 {
		if err := connect(ann, m, fmt.Sprint("a", i)); err != nil {
			t.Fatal(err)
		}
	}
	wantLimit(t, connect(ann, m, "a3"))
	if err := connect(caller(t, "ben", ""), m, "b0"); err != nil {
		t.Errorf("another subject is affected: %v", err)
	}
	if _, err := m.Connect(ann, "a1", "token-newer", ""); err != nil {
		t.Errorf("one that takes another's place is refused: %v", err)
	}
	m.Disconnect(ann, "token-a1", connection.ReasonReplaced) // the older of the two
	wantLimit(t, connect(ann, m, "a3"))
	m.Disconnect(ann, "token-newer", connection.ReasonClientClosed)
	m.Disconnect(ann, "token-newer", connection.ReasonClientClosed)
	if err := connect(ann, m, "a3"); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	wantLimit(t, connect(ann, m, "a4"))
	if refused["subject_connections"] != 3 || len(refused) != 1 {
		t.Errorf("counted %v", refused)
	}
}

func TestAConnectThatFailsHoldsNoPlace(t *testing.T) { // G4
	next := mocks.NewMockConnectionManager(gomock.NewController(t))
	next.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(nil, connection.ErrUnavailable).Times(5)
	m := limits.NewManager(limits.Config{Subject: limits.Limits{Connections: 1}}, next, nil)
	for i := range 5 {
		if err := connect(caller(t, "ann", ""), m, fmt.Sprint(i)); !errors.Is(err, connection.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	}
}

func TestConnectionsThatEndedUnseenHoldNoPlace(t *testing.T) { // E5, G4
	synctest.Test(t, func(t *testing.T) {
		next := mocks.NewMockConnectionManager(gomock.NewController(t))
		next.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(nil, nil).AnyTimes()
		registry := memregistry.New() // which knows none of them: their gateway was restarted
		m := limits.NewManager(limits.Config{Subject: limits.Limits{Connections: 2}}, next, registry)
		ann := caller(t, "ann", "")
		for i := range 3 {
			if err := connect(ann, m, fmt.Sprint(i)); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		if _, err := registry.Put(ann, connection.Connection{RequestID: "4", Token: "token-4"}); err != nil {
			t.Fatal(err)
		}
		if err := connect(ann, m, "4"); err != nil { // there is room since the last look
			t.Error(err)
		}
		wantLimit(t, connect(ann, m, "5")) // looked a moment ago
		<-time.After(time.Second)
		if err := connect(ann, m, "5"); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

func TestConnectionsFromOneAddressAreBounded(t *testing.T) { // G4
	m := manager(t, limits.Config{Address: limits.Limits{Connections: 1}})
	for _, c := range []struct {
		address string
		ok      bool
	}{
		{"192.0.2.1", true},
		{"192.0.2.1", false},
		{"::ffff:192.0.2.1", false},
		{"192.0.2.2", true},
		{"2001:db8::1", true},
		{"2001:db8::2", false}, // of the same network
		{"2001:db8:0:1::1", true},
		{"", true}, // not known
		{"", true},
	} {
		err := connect(caller(t, "", c.address), m, fmt.Sprintf("%s-%p", c.address, new(int)))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.address, err)
		}
	}
}

func TestAFloodOfConnectsIsSlowedDownForItsSubjectOnly(t *testing.T) { // G4
	synctest.Test(t, func(t *testing.T) {
		refused := counts{}
		m := manager(t, limits.Config{Subject: limits.Limits{Connects: 10}, Refused: refused.add})
		taken := 0
		var last error
		for i := range 1000 {
			if err := connect(caller(t, "ann", ""), m, fmt.Sprint("a", i)); err == nil {
				taken++
			} else {
				last = err
			}
		}
		if taken != 10 || refused["subject_connects"] != 990 {
			t.Errorf("%d taken at once, refused %v", taken, refused)
		}
		if err := connect(caller(t, "ben", ""), m, "b"); err != nil {
			t.Errorf("another subject is affected: %v", err)
		}
		<-time.After(wantLimit(t, last))
		if err := connect(caller(t, "ann", ""), m, "again"); err != nil {
			t.Errorf("after the time that it was told: %v", err)
		}
	})
}

// service has limits before a service that starts everything, of one subject with so
// many unfinished tasks.
func service(t *testing.T, cfg limits.Config, open *int) *limits.Tasks {
	t.Helper()
	ctrl := gomock.NewController(t)
	next, reader := mocks.NewMockTaskService(ctrl), mocks.NewMockTaskReader(ctrl)
	next.EXPECT().Start(gomock.Any(), gomock.Any()).DoAndReturn(func(context.Context, task.Request) (task.Task, error) {
		*open++
		return task.Task{}, nil
	}).AnyTimes()
	reader.EXPECT().List(gomock.Any(), gomock.Any()).DoAndReturn(func(_ context.Context, q task.Query) ([]task.Task, string, error) {
		if q.Owner != "ann" || !q.Unfinished {
			return nil, "", nil
		}
		return make([]task.Task, min(*open, q.Limit)), "", nil
	}).AnyTimes()
	return limits.NewTasks(cfg, next, reader)
}

func TestUnfinishedTasksOfOneSubjectAreBounded(t *testing.T) { // T1
	open, refused := 0, counts{}
	s := service(t, limits.Config{Subject: limits.Limits{Tasks: 2}, Refused: refused.add}, &open)
	for range 2 {
		if _, err := s.Start(caller(t, "ann", ""), task.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Start(caller(t, "ann", ""), task.Request{})
	wantLimit(t, err)
	if _, err := s.Start(caller(t, "ben", ""), task.Request{}); err != nil {
		t.Errorf("another subject is affected: %v", err)
	}
	open = 1
	if _, err := s.Start(caller(t, "ann", ""), task.Request{}); err != nil || refused["subject_tasks"] != 1 {
		t.Errorf("after one has ended: %v, refused %v", err, refused)
	}
}

func TestAFloodOfStartsIsSlowedDown(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		open, refused := 0, counts{}
		s := service(t, limits.Config{Subject: limits.Limits{Starts: 5}, Address: limits.Limits{Starts: 8}, Refused: refused.add}, &open)
		for range 100 {
			_, _ = s.Start(caller(t, "ann", "192.0.2.1"), task.Request{})
			_, _ = s.Start(caller(t, "", "192.0.2.1"), task.Request{})
		}
		if open != 8 || refused["subject_starts"] == 0 || refused["address_starts"] == 0 {
			t.Errorf("%d were started, refused %v", open, refused)
		}
		<-time.After(time.Second)
		if _, err := s.Start(caller(t, "ann", "192.0.2.1"), task.Request{}); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

func TestWithoutLimitsNothingIsRefused(t *testing.T) { // A1
	open := 0
	m, s := manager(t, limits.Config{}), service(t, limits.Config{}, &open)
	for i := range 1000 {
		if err := connect(caller(t, "ann", "192.0.2.1"), m, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Start(caller(t, "ann", "192.0.2.1"), task.Request{}); err != nil {
			t.Fatal(err)
		}
	}
}
