package ginapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/access"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/overview"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

// operatorConversations has every outcome of what operators look at.
var operatorConversations = []conversation{
	{outcome: "GET /api/log 200", query: "?limit=2&type=note", given: logged(event.LogPage{Extent: event.LogExtent{Last: event.ID{Epoch: "e"}}}, nil)},
	{outcome: "GET /api/log 400 INVALID_QUERY", query: "?limit=1001"},
	{outcome: "GET /api/log 400 INVALID_CURSOR", query: "?after=x"},
	{outcome: "GET /api/log 400 INVALID_CURSOR", query: "?after=e-7", given: logged(event.LogPage{}, event.ErrInvalidID)},
	{outcome: "GET /api/log 503 BROKER_UNAVAILABLE", given: logged(event.LogPage{}, event.ErrUnavailable)},
	{outcome: "GET /api/health 200"},
	{outcome: "GET /api/nodes 200", given: func(s *service) { s.overview.EXPECT().Nodes(gomock.Any()) }},
	{outcome: "GET /api/queue 200", query: "?node=one", given: func(s *service) { s.overview.EXPECT().Queue(gomock.Any(), "one") }},
	{outcome: "GET /api/versions 200", given: stood(nil)},
	{outcome: "GET /api/versions 400 INVALID_QUERY", query: "?limit=x"},
	{outcome: "GET /api/versions 503 BROKER_UNAVAILABLE", given: stood(event.ErrUnavailable)},
	{outcome: "GET /api/workers 200", given: worked(nil)},
	{outcome: "GET /api/workers 400 INVALID_QUERY", query: "?limit=0"},
	{outcome: "GET /api/workers 400 INVALID_CURSOR", query: "?after=x", given: worked(task.ErrInvalidCursor)},
	{outcome: "GET /api/workers 503 BROKER_UNAVAILABLE", given: worked(task.ErrUnavailable)},
	{outcome: "GET /api/settings 200", given: func(s *service) { s.settings = []ginapi.Setting{{Name: "A", Origin: "default"}} }},
}

func stood(err error) func(*service) {
	return func(s *service) {
		s.standing.EXPECT().Standing(gomock.Any(), gomock.Any()).Return(version.Standing{}, err)
	}
}

func worked(err error) func(*service) {
	return func(s *service) {
		s.overview.EXPECT().Workers(gomock.Any(), gomock.Any()).Return(overview.Workers{}, err)
	}
}

// self is the node that answers.
var self = cluster.Identity{Node: "node-1", Version: "1.4.2", Revision: "c0ffee", Started: time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)}

func logged(page event.LogPage, err error) func(*service) {
	return func(s *service) { s.logs.EXPECT().Read(gomock.Any(), gomock.Any()).Return(page, err) }
}

func TestTheLogIsShownAsItIs(t *testing.T) { // W5, W8
	s := newService(t, ginapi.Config{})
	id := func(seq uint64) event.ID { return event.ID{Epoch: "e", Seq: seq} }
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.FixedZone("east", 3600))
	s.logs.EXPECT().Read(gomock.Any(), event.LogQuery{After: id(3), Name: "note", Limit: 1000}).DoAndReturn(func(context.Context, event.LogQuery) (event.LogPage, error) {
		return event.LogPage{
			Entries: []event.LogEntry{
				{ID: id(5), Name: "note", Data: []byte(`{"a": "<b>"}`), Bytes: 12, At: at},
				{ID: id(7), Name: "note", Bytes: 70_000, Audience: &access.Audience{Subjects: []string{"ann"}}},
			},
			Gap: true, Next: id(7),
			Extent: event.LogExtent{First: id(5), Last: id(9), Events: 5, Bytes: 700, Since: time.Now().Add(time.Hour), MaxBytes: 1000, MaxAge: time.Minute},
		}, nil
	})
	a := s.ask(t, http.MethodGet, "/api/log?after=e-3&type=note&limit=1000", "")
	want := `{"events":[{"id":"e-5","event_type":"note","at":"2026-03-01T11:00:00.005Z","bytes":12,"data":{"a":"<b>"}},` +
		`{"id":"e-7","event_type":"note","bytes":70000,"data":null,"truncated":true,"audience":{"subjects":["ann"]}}],` +
		`"gap":true,"next":"e-7","first_id":"e-5","last_id":"e-9","held":{"events":5,"bytes":700,"seconds":0},"limit":{"bytes":1000,"seconds":60}}` + "\n"
	if a.body != want || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v\n got %s\nwant %s", a.header, a.body, want)
	}
}

func TestAnEmptyLogIsShown(t *testing.T) { // W5
	s := newService(t, ginapi.Config{})
	s.logs.EXPECT().Read(gomock.Any(), event.LogQuery{Newest: 7, Limit: 100, Task: knownID}).Return(event.LogPage{Extent: event.LogExtent{Last: event.ID{Epoch: "e"}, MaxBytes: 1}}, nil)
	a := s.ask(t, http.MethodGet, "/api/log?newest=7&task="+knownID, "")
	if want := `{"events":[],"last_id":"e-0","held":{"events":0,"bytes":0},"limit":{"bytes":1}}` + "\n"; a.body != want {
		t.Errorf("got %s", a.body)
	}
}

func TestWhatTheLogCannotBeAskedForIsRefused(t *testing.T) { // W8
	s := newService(t, ginapi.Config{})
	for query, code := range map[string]string{
		"limit=0": "INVALID_QUERY", "limit=-1": "INVALID_QUERY", "limit=1001": "INVALID_QUERY", "limit=x": "INVALID_QUERY", "newest=0": "INVALID_QUERY",
		"newest=1001": "INVALID_QUERY", "newest=1&after=e-1": "INVALID_QUERY", "after=e": "INVALID_CURSOR", "after=e-01": "INVALID_CURSOR", "task=x": "INVALID_QUERY", "a=%zz": "INVALID_QUERY",
	} {
		s.ask(t, http.MethodGet, "/api/log?"+query, "").wantError(t, http.StatusBadRequest, code)
	}
}

func TestHealthSaysSinceWhen(t *testing.T) { // W7
	s := newService(t, ginapi.Config{})
	since := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("east", 3600))
	s.found = []ginapi.Check{{Name: "broker", Err: errors.New("gone"), Since: since}, {Name: "service", Since: since}}
	const of = `"node":"node-1","version":"1.4.2","revision":"c0ffee","started_at":"2026-03-01T11:00:00Z"}` + "\n"
	want := `{"ready":false,"checks":[{"name":"broker","ok":false,"since":"2026-03-01T12:00:00Z","error":"gone"},` +
		`{"name":"service","ok":true,"since":"2026-03-01T12:00:00Z"}],` + of
	if a := s.ask(t, http.MethodGet, "/api/health", ""); a.body != want || a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.found = s.found[1:]
	if a := s.ask(t, http.MethodGet, "/api/health", ""); a.body != `{"ready":true,"checks":[{"name":"service","ok":true,"since":"2026-03-01T12:00:00Z"}],`+of {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestSettingsAreShownWithTheirOrigins(t *testing.T) { // W7
	s := newService(t, ginapi.Config{})
	s.settings = []ginapi.Setting{{Name: "B", Value: "2", Origin: "default"}, {Name: "A", Value: "[redacted]", Origin: "environment"}}
	want := `{"settings":[{"name":"B","value":"2","origin":"default"},{"name":"A","value":"[redacted]","origin":"environment"}]}` + "\n"
	if a := s.ask(t, http.MethodGet, "/api/settings", ""); a.body != want {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestVersionsAreShown(t *testing.T) { // W7
	s := newService(t, ginapi.Config{})
	named := func(name string) version.Version {
		v, err := version.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for want, known := range map[string]version.Standing{
		`{"current":null,"source":{"kind":"url","watched_here":false},"candidate":null,"pending":[]}`: {},
		`{"current":{"version":"1","source":"announced"},"source":{"kind":"url","watched_here":true,"checked_at":"2026-03-01T11:00:00Z","error":"it answers 500"},` +
			`"candidate":{"version":"2","confirmations":1,"needed":2},"pending":[{"request_id":"a","version":"3"}],"more_pending":true}`: {
			Current: named("1"), Announced: true, Watches: true, Asked: self.Started, Failure: "it answers 500",
			Candidate: named("2"), Confirmations: 1, Needed: 2, Pending: []version.Waiting{{RequestID: "a", Version: named("3")}}, MorePending: true,
		},
		`{"current":{"version":"1","source":"url"},"source":{"kind":"url","watched_here":false},"candidate":null,"pending":[]}`: {Current: named("1")},
	} {
		s.standing.EXPECT().Standing(gomock.Any(), 7).Return(known, nil)
		if a := s.ask(t, http.MethodGet, "/api/versions?limit=7", ""); a.body != want+"\n" {
			t.Errorf("got %s", a.body)
		}
	}
}

func TestNodesAreShown(t *testing.T) { // W7
	s := newService(t, ginapi.Config{})
	s.found = []ginapi.Check{{Name: "broker", Err: errors.New("gone")}}
	s.overview.EXPECT().Nodes(gomock.Any()).Return(overview.Nodes{
		Nodes: []overview.Node{
			{Sign: cluster.Sign{Identity: self, Age: 1500 * time.Millisecond, Alive: true, Leads: true}, This: true, Load: &overview.Load{Ready: true, Connections: 3}},
			{Sign: cluster.Sign{Identity: cluster.Identity{Node: "two"}, Age: time.Minute, Left: true}},
		},
		Missing: []string{"two"},
	}, nil)
	want := `{"nodes":[{"node":"node-1","this":true,"version":"1.4.2","revision":"c0ffee","started_at":"2026-03-01T11:00:00Z","sign_age":1.5,` +
		`"alive":true,"leader":true,"ready":true,"connections":3,"running":0},{"node":"two","this":false,"sign_age":60,"alive":false,"left":true,"leader":false}],` +
		`"broker":{"kind":"nats","ok":false,"error":"gone"},"missing":["two"]}` + "\n"
	if a := s.ask(t, http.MethodGet, "/api/nodes", ""); a.body != want {
		t.Errorf("got %s", a.body)
	}
}

func TestTheQueueIsShown(t *testing.T) { // W7
	s := newService(t, ginapi.Config{})
	f := task.QueueFigures{Waiting: 1, Limit: 2, Scheduled: 3, ScheduledLimit: 4, Running: 5, Workers: 6, Refused: 7}
	s.overview.EXPECT().Queue(gomock.Any(), "").Return(overview.Queue{All: f, ByNode: map[string]task.QueueFigures{"two": f, "one": {}}, Missing: []string{"three"}}, nil)
	const figures = `"waiting":1,"limit":2,"scheduled":3,"scheduled_limit":4,"running":5,"workers":6,"refused":7`
	want := `{` + figures + `,"by_node":[{"node":"one","waiting":0,"limit":0,"scheduled":0,"scheduled_limit":0,"running":0,"workers":0,"refused":0},` +
		`{"node":"two",` + figures + `}],"missing":["three"]}` + "\n"
	if a := s.ask(t, http.MethodGet, "/api/queue", ""); a.body != want {
		t.Errorf("got %s", a.body)
	}
}

func TestWorkersAreShown(t *testing.T) { // W7
	s := newService(t, ginapi.Config{})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.overview.EXPECT().Workers(gomock.Any(), overview.Query{Node: "one", After: "c", Limit: 2}).Return(overview.Workers{
		Types: []task.TypeFigures{
			{Type: "a", RunBy: task.RunnerWorker, Waiting: 1, Running: 2, Claimed: time.Now().Add(-4 * time.Minute)},
			{Type: "b", RunBy: task.RunnerWorker, Claimed: time.Now().Add(-6 * time.Minute)},
			{Type: "c", RunBy: task.RunnerWorker, ClaimsWaiting: 1},
			{Type: "d", RunBy: task.RunnerGo},
		},
		Leases: []overview.Lease{
			{ID: knownID, Type: "a", Worker: "w", Attempt: 2, Node: "one", Since: at, Sign: &task.LeaseSign{Last: at.Add(time.Minute), Term: 30 * time.Second}},
			{ID: knownID, Type: "a", Attempt: 1, Node: "two", Since: at},
		},
		Next: "d", Missing: []string{"two"},
	}, nil)
	want := `{"types":[{"type":"a","kind":"worker","waiting":1,"running":2,"claims_waiting":0,"claimed_lately":true},` +
		`{"type":"b","kind":"worker","waiting":0,"running":0,"claims_waiting":0,"claimed_lately":false},` +
		`{"type":"c","kind":"worker","waiting":0,"running":0,"claims_waiting":1,"claimed_lately":true},` +
		`{"type":"d","kind":"go","waiting":0,"running":0,"claims_waiting":0,"claimed_lately":false}],` +
		`"leases":[{"task_id":"` + knownID + `","type":"a","worker":"w","attempt":2,"node":"one","since":"2026-03-01T12:00:00Z","last_sign":"2026-03-01T12:01:00Z","expires":"2026-03-01T12:01:30Z"},` +
		`{"task_id":"` + knownID + `","type":"a","attempt":1,"node":"two","since":"2026-03-01T12:00:00Z"}],"next":"d","missing":["two"]}` + "\n"
	if a := s.ask(t, http.MethodGet, "/api/workers?node=one&after=c&limit=2", ""); a.body != want {
		t.Errorf("got %s", a.body)
	}
}
