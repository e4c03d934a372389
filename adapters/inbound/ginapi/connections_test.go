package ginapi_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/diagnosis"
	"heliograph/domain/stream"
)

// behind is a stream that has everything that one can have.
var behind = diagnosis.Connection{
	RequestID: "r1", Subject: "user-1", Node: "node-1", Gateway: diagnosis.Embedded, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	Stream: diagnosis.Stream{State: diagnosis.Behind, Resumed: true, Reset: stream.ResetExpired, Lag: 3, Waiting: 512},
}

// connectionConversations are those about what is known of streams.
var connectionConversations = []conversation{
	{outcome: "GET /api/connections 200", query: "?subject=user-1&request_id=r&node=node-1&limit=1&after=abc", given: pageOf(diagnosis.Page{
		Connections: []diagnosis.Connection{behind}, Total: 2, Next: "def", Missing: []string{"node-2"},
	}, nil)},
	{outcome: "GET /api/connections 400 INVALID_QUERY", query: "?limit=1001"},
	{outcome: "GET /api/connections 400 INVALID_CURSOR", query: "?after=x", given: pageOf(diagnosis.Page{}, diagnosis.ErrInvalidCursor)},
	{outcome: "GET /api/connections 500 INTERNAL_ERROR", given: pageOf(diagnosis.Page{}, errors.New("no"))},
}

func pageOf(page diagnosis.Page, err error) func(*service) {
	return func(s *service) { s.streams.EXPECT().List(gomock.Any(), gomock.Any()).Return(page, err) }
}

func TestStreamsAreListed(t *testing.T) { // W6, W8
	s := newService(t, ginapi.Config{})
	s.streams.EXPECT().List(gomock.Any(), diagnosis.Query{Subject: "user-1", Prefix: "r", Node: "node-1", Limit: 2, After: "abc"}).
		Return(diagnosis.Page{Connections: []diagnosis.Connection{behind}, Total: 7, Next: "def", Missing: []string{"node-2"}}, nil)
	got := s.ask(t, http.MethodGet, "/api/connections?subject=user-1&request_id=r&node=node-1&limit=2&after=abc", "")
	got.wantJSON(t, http.StatusOK, `{"connections":[{"request_id":"r1","subject":"user-1","node":"node-1","gateway":"embedded","since":"2026-01-02T03:04:05Z",
		"origin":{"resumed":true,"reset":"expired"},"lag_events":3,"waiting_bytes":512,"state":"behind"}],"total":7,"next":"def","missing":["node-2"]}`)
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a cache may keep it: %v", got.header)
	}
	s.streams.EXPECT().List(gomock.Any(), diagnosis.Query{Limit: 100}).Return(diagnosis.Page{}, nil)
	s.ask(t, http.MethodGet, "/api/connections", "").wantJSON(t, http.StatusOK, `{"connections":[],"total":0}`)
	for _, limit := range []string{"0", "-1", "1001", "x"} {
		if got := s.ask(t, http.MethodGet, "/api/connections?limit="+limit, ""); got.status != http.StatusBadRequest {
			t.Errorf("limit %s: %d %s", limit, got.status, got.body)
		}
	}
}
