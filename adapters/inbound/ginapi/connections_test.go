package ginapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
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

	{outcome: "GET /api/connections/{request_id} 200", query: "?event=e-7", given: explained(explanation, nil)},
	{outcome: "GET /api/connections/{request_id} 400 INVALID_REQUEST_ID", requestID: "a:b"},
	{outcome: "GET /api/connections/{request_id} 400 INVALID_QUERY", query: "?event=7"},
	{outcome: "GET /api/connections/{request_id} 404 UNKNOWN_REQUEST_ID", given: explained(diagnosis.Detail{}, diagnosis.ErrUnknown)},

	{outcome: "POST /api/connections/{request_id}/report 200", body: goodReport, given: reported(nil)},
	{outcome: "POST /api/connections/{request_id}/report 400 MISSING_BODY"},
	{outcome: "POST /api/connections/{request_id}/report 400 INVALID_JSON", body: `{`},
	{outcome: "POST /api/connections/{request_id}/report 400 INVALID_PAYLOAD", body: `{"tabs":"many"}`},
	{outcome: "POST /api/connections/{request_id}/report 400 INVALID_REQUEST_ID", requestID: "a:b", body: goodReport},
	{outcome: "POST /api/connections/{request_id}/report 404 UNKNOWN_CONNECTION", body: goodReport, given: reported(connection.ErrNotFound)},
	{outcome: "POST /api/connections/{request_id}/report 413 PAYLOAD_TOO_LARGE", body: `{"state":"` + strings.Repeat("x", 4<<10) + `"}`},
	{outcome: "POST /api/connections/{request_id}/report 429 TOO_MANY_REQUESTS", body: goodReport, given: reported(&access.LimitError{What: "reports of one stream", RetryAfter: time.Second})},
	{outcome: "POST /api/connections/{request_id}/report 503 BROKER_UNAVAILABLE", body: goodReport, given: reported(connection.ErrUnavailable)},
}

const goodReport = `{"state":"open","encoding":"gzip","first_byte_ms":12,"now":1767323045000}`

// explanation is of a stream that has everything that one can have.
var explanation = diagnosis.Detail{
	Connection: behind,
	Fates: []diagnosis.Fate{
		{At: behind.Since, Kind: diagnosis.Reset, Why: "expired"},
		{At: behind.Since, Kind: diagnosis.Replayed, Count: 3, First: event.ID{Epoch: "e", Seq: 3}, Last: event.ID{Epoch: "e", Seq: 3}},
		{At: behind.Since, Kind: diagnosis.Written, Count: 4, First: event.ID{Epoch: "e", Seq: 4}, Last: event.ID{Epoch: "e", Seq: 7}},
		{At: behind.Since, Kind: diagnosis.Written, Count: 1, Type: "version"},
	},
	Report: &diagnosis.Report{State: "open", FirstByte: 12, At: behind.Since}, Missing: []string{"node-2"},
	Findings: []diagnosis.Finding{{Code: "LOG_EXPIRED", Says: "It was away.", Advice: "Keep more."}},
}

func explained(d diagnosis.Detail, err error) func(*service) {
	return func(s *service) {
		s.streams.EXPECT().Explain(gomock.Any(), connection.RequestID("r1"), gomock.Any()).Return(d, err)
	}
}

func reported(err error) func(*service) {
	return func(s *service) {
		r := diagnosis.Report{State: "open", Encoding: "gzip", FirstByte: 12, Now: 1767323045000}
		s.streams.EXPECT().Report(gomock.Any(), connection.RequestID("r1"), r).Return(err)
	}
}

func TestAStreamIsExplained(t *testing.T) { // W6
	s := newService(t, ginapi.Config{})
	s.streams.EXPECT().Explain(gomock.Any(), connection.RequestID("r1"), event.ID{Epoch: "e", Seq: 7}).Return(explanation, nil)
	got := s.ask(t, http.MethodGet, "/api/connections/r1?event=e-7", "")
	got.wantJSON(t, http.StatusOK, `{"request_id":"r1","subject":"user-1","node":"node-1","gateway":"embedded","since":"2026-01-02T03:04:05Z",
		"origin":{"resumed":true,"reset":"expired"},"lag_events":3,"waiting_bytes":512,"state":"behind","fates":[
			{"at":"2026-01-02T03:04:05Z","fate":"reset","why":"expired"},
			{"at":"2026-01-02T03:04:05Z","fate":"replayed","up_to":"e-3","count":3},
			{"at":"2026-01-02T03:04:05Z","fate":"written","event_id":"e-4","up_to":"e-7","count":4},
			{"at":"2026-01-02T03:04:05Z","fate":"written","event_type":"version","count":1}],
		"report":{"state":"open","first_byte_ms":12,"at":"2026-01-02T03:04:05Z"},
		"findings":[{"code":"LOG_EXPIRED","says":"It was away.","advice":"Keep more."}],"missing":["node-2"]}`)
	ended := diagnosis.Detail{Connection: diagnosis.Connection{RequestID: "r1", Gateway: diagnosis.External, Ended: &diagnosis.End{At: behind.Since, Reason: connection.ReasonExpired}}}
	s.streams.EXPECT().Explain(gomock.Any(), connection.RequestID("r1"), event.ID{}).Return(ended, nil)
	got = s.ask(t, http.MethodGet, "/api/connections/r1", "")
	if !strings.Contains(got.body, `"ended":{"at":"2026-01-02T03:04:05Z","reason":"auth_expired"},"fates":[],"findings":[]`) {
		t.Errorf("%s", got.body)
	}
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
	s.streams.EXPECT().List(gomock.Any(), diagnosis.Query{Behind: true, Limit: 100}).Return(diagnosis.Page{}, nil)
	s.ask(t, http.MethodGet, "/api/connections?behind=true", "").wantJSON(t, http.StatusOK, `{"connections":[],"total":0}`)
	if got := s.ask(t, http.MethodGet, "/api/connections?behind=1", ""); got.status != http.StatusBadRequest {
		t.Errorf("behind=1: %d %s", got.status, got.body)
	}
	s.streams.EXPECT().List(gomock.Any(), diagnosis.Query{Limit: 100}).Return(diagnosis.Page{}, nil)
	s.ask(t, http.MethodGet, "/api/connections", "").wantJSON(t, http.StatusOK, `{"connections":[],"total":0}`)
	for _, limit := range []string{"0", "-1", "1001", "x"} {
		if got := s.ask(t, http.MethodGet, "/api/connections?limit="+limit, ""); got.status != http.StatusBadRequest {
			t.Errorf("limit %s: %d %s", limit, got.status, got.body)
		}
	}
}
