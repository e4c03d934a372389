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
)

// operatorConversations has every outcome of what operators look at.
var operatorConversations = []conversation{
	{outcome: "GET /api/log 200", query: "?limit=2&type=note", given: logged(event.LogPage{Extent: event.LogExtent{Last: event.ID{Epoch: "e"}}}, nil)},
	{outcome: "GET /api/log 400 INVALID_QUERY", query: "?limit=1001"},
	{outcome: "GET /api/log 400 INVALID_CURSOR", query: "?after=x"},
	{outcome: "GET /api/log 400 INVALID_CURSOR", query: "?after=e-7", given: logged(event.LogPage{}, event.ErrInvalidID)},
	{outcome: "GET /api/log 503 BROKER_UNAVAILABLE", given: logged(event.LogPage{}, event.ErrUnavailable)},
	{outcome: "GET /api/health 200"},
	{outcome: "GET /api/settings 200", given: func(s *service) { s.settings = []ginapi.Setting{{Name: "A", Origin: "default"}} }},
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
