package ginapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/task"
)

// S3: bad input gets a clear 4xx and changes nothing: the mocks expect no call.

func TestBadBodiesAreRefused(t *testing.T) { // S3
	const tasks, versions, testTasks = "/api/tasks", "/api/versions", "/api/testing/tasks/start"
	for _, tc := range []struct{ path, body, code string }{
		{tasks, " ", "INVALID_JSON"},
		{tasks, `{"type":"demo_task"} {}`, "INVALID_JSON"},
		{tasks, `{"type":"demo_task"`, "INVALID_JSON"},
		{tasks, strings.Repeat("[", 100_000), "INVALID_JSON"},
		{tasks, "\x00\xff\xfe", "INVALID_JSON"},
		{tasks, `null`, "INVALID_PAYLOAD"},
		{tasks, `[]`, "INVALID_PAYLOAD"},
		{tasks, `"demo_task"`, "INVALID_PAYLOAD"},
		{tasks, `{"type":7}`, "INVALID_PAYLOAD"},
		{tasks, `{"type":null}`, "INVALID_PAYLOAD"},
		{tasks, `{"type":""}`, "INVALID_PAYLOAD"},
		{tasks, `{"type":{"name":"demo_task"}}`, "INVALID_PAYLOAD"},
		{tasks, `{"type":"demo_task","params":"{}"}`, "INVALID_PARAMS"},
		{tasks, `{"type":"demo_task","params":0}`, "INVALID_PARAMS"},
		{tasks, `{"type":"demo_task","params":false}`, "INVALID_PARAMS"},

		{versions, `null`, "INVALID_PAYLOAD"},
		{versions, `"1.4.2"`, "INVALID_PAYLOAD"},
		{versions, `{}`, "INVALID_PAYLOAD"},
		{versions, `{"version":""}`, "INVALID_PAYLOAD"},
		{versions, `{"version":142}`, "INVALID_PAYLOAD"},
		{versions, `{"version":"1","changelog":["a"]}`, "INVALID_PAYLOAD"},
		{versions, `{"version":"1","request_id":""}`, "INVALID_REQUEST_ID"},
		{versions, `{"version":"1","request_id":null}`, "INVALID_REQUEST_ID"},
		{versions, `{"version":"1","request_id":7}`, "INVALID_REQUEST_ID"},
		{versions, `{"version":"1","request_id":"` + strings.Repeat("x", 129) + `"}`, "INVALID_REQUEST_ID"},
		{versions, `{"version":"1","request_id":"a\nb"}`, "INVALID_REQUEST_ID"},

		{testTasks, `{"type":"demo_task"}`, "INVALID_PAYLOAD"},
		{testTasks, `{"task_type":["demo_task"]}`, "INVALID_PAYLOAD"},
		{testTasks, `{"task_type":"demo_task "}`, "UNKNOWN_TASK_TYPE"},
	} {
		newService(t, inTesting).ask(t, http.MethodPost, tc.path, tc.body).wantError(t, http.StatusBadRequest, tc.code)
	}
}

func TestWhatIsNoTasksIDIsUnknown(t *testing.T) { // S3, T7, T9
	for _, id := range []string{
		"1", "%00", "%0a", "..%2f..%2fetc", "%ff%fe", url.PathEscape("{" + knownID + "}"), "urn:uuid:" + knownID,
		strings.ReplaceAll(knownID, "-", ""), knownID + "0", knownID[1:], "task:" + knownID, strings.Repeat("a", 100_000), "%2e%2e", "null",
	} {
		s := newService(t, ginapi.Config{})
		for _, tc := range []struct{ method, suffix string }{
			{http.MethodGet, ""}, {http.MethodGet, "/status"}, {http.MethodPost, "/cancel"}, {http.MethodDelete, ""},
		} {
			a := s.ask(t, tc.method, "/api/tasks/"+id+tc.suffix, "")
			if code := a.code(); a.status != http.StatusNotFound || (code != "TASK_NOT_FOUND" && code != "NOT_FOUND") {
				t.Errorf("%s %.80q: %d %s", tc.method, id, a.status, a.body)
			}
		}
	}
}

func TestNothingThatAClientSendsBeginsALineOfTheLog(t *testing.T) {
	s := newService(t, ginapi.Config{})
	started(task.Task{}, errBroken)(s)
	s.ask(t, http.MethodPost, "/api/tasks", `{"type":"x\nlevel=ERROR msg=forged"}`).wantError(t, http.StatusInternalServerError, "INTERNAL_ERROR")
	s.ask(t, http.MethodGet, "/%0alevel=ERROR%20msg=forged", "")
	s.ask(t, "GET", "/api/tasks/%0d%0alevel=ERROR%20msg=forged?%0a", "")
	for line := range strings.Lines(s.log.String()) {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("a forged line: %s", line)
		}
	}
}
