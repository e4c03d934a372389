package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const unknownID = "123e4567-e89b-42d3-a456-426614174000"

// refusal is a request and how it is refused.
type refusal struct {
	method, target, body string
	status               int
	code                 string
}

// mustRefuse makes the requests, and requires that they left no trace.
func (s *service) mustRefuse(t *testing.T, refusals []refusal) {
	t.Helper()
	before, tasks := s.scrape(t), s.taskCount(t)
	for _, r := range refusals {
		got := s.call(t, r.method, r.target, r.body)
		if got.status != r.status || got.code() != r.code {
			t.Errorf("%s %.80s %.80q: %d %.200s, want %d %s", r.method, r.target, r.body, got.status, got.body, r.status, r.code)
		}
	}
	s.awaitMetrics(t, before, metrics{connects: 0, disconnects: 0, taskSent: 0, versionSent: 0})
	if now := s.taskCount(t); now != tasks {
		t.Errorf("S3: %d tasks were started by bad requests", now-tasks)
	}
	s.must(t, http.StatusOK, "GET", "/readyz", "")
}

func (s *service) taskCount(t *testing.T) int {
	t.Helper()
	var list struct{ Tasks []taskStatus }
	s.must(t, http.StatusOK, "GET", "/api/tasks", "").into(t, &list)
	return len(list.Tasks)
}

// junkIDs are no request_ids.
var junkIDs = []string{
	"task:abc", "a b", `a"b`, "a'b", "a\nlevel=ERROR msg=injected", "a\r\n\r\nb", "a\x00b", "\u00e4", "%41", "a/b", "<b>", "a+b", "a,b",
	strings.Repeat("a", 129), strings.Repeat("a", 10_000),
}

// junkBodies are no JSON objects; with each comes the code that says so.
var junkBodies = map[string]string{
	"": "MISSING_BODY", "{": "INVALID_JSON", "nonsense": "INVALID_JSON", `{"a":1}{"b":2}`: "INVALID_JSON", "\x00\xff": "INVALID_JSON",
	`{"type":'x'}`: "INVALID_JSON", strings.Repeat("[", 100_000): "INVALID_JSON",
	"null": "INVALID_PAYLOAD", "[]": "INVALID_PAYLOAD", `"text"`: "INVALID_PAYLOAD", "42": "INVALID_PAYLOAD", "{}": "INVALID_PAYLOAD",
}

// huge is valid JSON of ten megabytes.
var huge = `{"version":"` + strings.Repeat("x", 10<<20) + `"}`

func TestBadRequestsAreRefusedAndChangeNothing(t *testing.T) { // S3, S4, C2, E8
	t.Parallel()
	s := start(t)
	refusals := []refusal{
		{"GET", "/api/sse/stream", "", 400, "INVALID_REQUEST_ID"},
		{"GET", "/api/sse/stream?request_id=", "", 400, "INVALID_REQUEST_ID"},
		{"GET", "/api/sse/stream?request_id=a&request_id=b", "", 400, "INVALID_REQUEST_ID"},
		{"POST", "/api/sse/callback", `{"action":"connect"}`, 404, "NOT_FOUND"}, // S2: embedded
		{"GET", "/api/sse/tasks", "", 404, "NOT_FOUND"},                         // S4
		{"GET", "/api/sse/utils/version", "", 404, "NOT_FOUND"},
		{"GET", "/nothing", "", 404, "NOT_FOUND"},
		{"GET", "/internal/send", "", 404, "NOT_FOUND"},
		{"PUT", "/api/tasks", "{}", 405, "METHOD_NOT_ALLOWED"},

		{"POST", "/api/tasks", `{"type":"no_such"}`, 400, "UNKNOWN_TASK_TYPE"},
		{"POST", "/api/tasks", `{"type":"a\nlevel=ERROR msg=injected"}`, 400, "UNKNOWN_TASK_TYPE"},
		{"POST", "/api/tasks", `{"type":7}`, 400, "INVALID_PAYLOAD"},
		{"POST", "/api/tasks", `{"type":"demo_task","params":[]}`, 400, "INVALID_PARAMS"},
		{"POST", "/api/tasks", `{"type":"demo_task","params":{"steps":"many"}}`, 400, "INVALID_PARAMS"},
		{"POST", "/api/tasks", `{"type":"demo_task","params":{"steps":-1}}`, 400, "INVALID_PARAMS"},
		{"POST", "/api/tasks", `{"type":"demo_task","params":{"delay":1e300}}`, 400, "INVALID_PARAMS"},
		{"POST", "/api/tasks", huge, 413, "PAYLOAD_TOO_LARGE"},
		{"GET", "/api/tasks?status=gone", "", 400, "INVALID_QUERY"},
		{"GET", "/api/tasks?limit=0", "", 400, "INVALID_QUERY"},
		{"GET", "/api/tasks?limit=x", "", 400, "INVALID_QUERY"},
		{"GET", "/api/tasks?cursor=junk", "", 400, "INVALID_CURSOR"},
		{"GET", "/api/tasks/" + unknownID, "", 404, "TASK_NOT_FOUND"},
		{"GET", "/api/tasks/" + unknownID + "/status", "", 404, "TASK_NOT_FOUND"},
		{"GET", "/api/tasks/%0Ainjected/status", "", 404, "TASK_NOT_FOUND"},
		{"GET", "/api/tasks/" + strings.Repeat("a", 10_000), "", 404, "TASK_NOT_FOUND"},
		{"POST", "/api/tasks/" + unknownID + "/cancel", "", 404, "TASK_NOT_FOUND"},
		{"DELETE", "/api/tasks/" + unknownID, "", 404, "TASK_NOT_FOUND"},

		{"POST", "/api/versions", `{"version":""}`, 400, "INVALID_PAYLOAD"},
		{"POST", "/api/versions", `{"version":1}`, 400, "INVALID_PAYLOAD"},
		{"POST", "/api/versions", `{"version":"1","changelog":{}}`, 400, "INVALID_PAYLOAD"},
		{"POST", "/api/versions", `{"version":"1","request_id":7}`, 400, "INVALID_REQUEST_ID"},
		{"POST", "/api/versions", `{"version":"1","changelog":"` + strings.Repeat("x", 70<<10) + `"}`, 413, "PAYLOAD_TOO_LARGE"},
		{"POST", "/api/versions", huge, 413, "PAYLOAD_TOO_LARGE"},

		{"POST", "/api/testing/tasks/start", `{"task_type":"demo_task"}`, 400, "ROUTE_NOT_AVAILABLE"},
		{"POST", "/api/testing/deployments/version", `{"request_id":"a","version":"1"}`, 400, "ROUTE_NOT_AVAILABLE"},
	}
	for _, id := range junkIDs {
		refusals = append(refusals,
			refusal{"GET", "/api/sse/stream?request_id=" + url.QueryEscape(id), "", 400, "INVALID_REQUEST_ID"},
			refusal{"POST", "/api/versions", fmt.Sprintf(`{"version":"1","request_id":%s}`, quote(t, id)), 400, "INVALID_REQUEST_ID"})
	}
	for body, code := range junkBodies {
		refusals = append(refusals, refusal{"POST", "/api/tasks", body, 400, code}, refusal{"POST", "/api/versions", body, 400, code})
	}
	s.mustRefuse(t, refusals)
}

func TestBadCallbacksAreRefusedAndChangeNothing(t *testing.T) { // S1, S3, C2, C4
	t.Parallel()
	s := start(t, "SSE_GATEWAY=http", "SSE_GATEWAY_URL=http://127.0.0.1:1")
	const callback = "/api/sse/callback"
	refusals := []refusal{
		{"POST", callback, `{"action":"explode","token":"t","request":{"url":"/?request_id=a","headers":{}}}`, 400, "UNKNOWN_ACTION"},
		{"POST", callback, `{"action":7,"token":"t","request":{"url":"/?request_id=a"}}`, 400, "INVALID_PAYLOAD"},
		{"POST", callback, `{"action":"connect","request":{"url":"/?request_id=a"}}`, 400, "INVALID_PAYLOAD"},
		{"POST", callback, `{"action":"connect","token":"","request":{"url":"/?request_id=a"}}`, 400, "INVALID_PAYLOAD"},
		{"POST", callback, `{"action":"connect","token":["t"],"request":{"url":"/?request_id=a"}}`, 400, "INVALID_PAYLOAD"},
		{"POST", callback, `{"action":"connect","token":"t"}`, 400, "INVALID_PAYLOAD"},
		{"POST", callback, `{"action":"connect","token":"t","request":"/?request_id=a"}`, 400, "INVALID_PAYLOAD"},
		{"POST", callback, `{"action":"connect","token":"t","request":{"url":7}}`, 400, "INVALID_PAYLOAD"},
		{"POST", callback, `{"action":"connect","token":"t","request":{"url":"/s"}}`, 400, "INVALID_REQUEST_ID"},
		{"POST", callback, `{"action":"connect","token":"t","request":{"url":"/s?request_id=a&request_id=b"}}`, 400, "INVALID_REQUEST_ID"},
		{"POST", callback, huge, 413, "PAYLOAD_TOO_LARGE"},
		{"GET", callback, "", 405, "METHOD_NOT_ALLOWED"},
		{"GET", "/api/sse/stream?request_id=a", "", 404, "NOT_FOUND"},
	}
	for _, id := range junkIDs {
		target := quote(t, "/s?x=1&request_id="+url.QueryEscape(id))
		refusals = append(refusals, refusal{"POST", callback, `{"action":"connect","token":"t","request":{"url":` + target + `}}`, 400, "INVALID_REQUEST_ID"})
	}
	for body, code := range junkBodies {
		refusals = append(refusals, refusal{"POST", callback, body, 400, code})
	}
	s.mustRefuse(t, refusals)
	late := `{"action":"disconnect","token":"never-seen","reason":"by aliens","request":{"url":"","headers":{"x":["a","b"]},"new":1},"more":[]}`
	if got := s.must(t, http.StatusOK, "POST", callback, late); !sameJSON(t, string(got.body), "{}") {
		t.Errorf("C4: %s", got.body)
	}
}

func quote(t *testing.T, s string) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
