package ginapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

// S3: bad input gets a clear 4xx and changes nothing: the mocks expect no call.

func TestInvalidBodiesAreRefused(t *testing.T) { // S3
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

func TestFieldNamesAreCaseSensitiveAndUnique(t *testing.T) {
	lease := "/api/tasks/" + knownID
	for _, tc := range []struct{ path, body, code string }{
		{"/api/tasks", `{"TYPE":"demo_task"}`, "INVALID_PAYLOAD"},
		{"/api/versions", `{"Version":"1"}`, "INVALID_PAYLOAD"},
		{"/api/workers/claim", `{"Types":["a"]}`, "INVALID_PAYLOAD"},
		{"/api/events", `{"name":"a","Data":1}`, "INVALID_PAYLOAD"},
		{"/api/events", `{"name":"a","data":1,"data":2}`, "INVALID_JSON"},
		{lease + "/progress", `{"Lease":"l"}`, "INVALID_PAYLOAD"},
		{lease + "/complete", `{"LEASE":"l","result":1}`, "INVALID_PAYLOAD"},
		{lease + "/fail", `{"lease":"l","Error":"e"}`, "INVALID_PAYLOAD"},
		{"/api/testing/tasks/start", `{"Task_Type":"demo_task"}`, "INVALID_PAYLOAD"},

		{"/api/tasks", `{"type":"demo_task","type":"other"}`, "INVALID_JSON"},
		{"/api/tasks", `{"type":"demo_task","params":{"a":1,"a":2}}`, "INVALID_JSON"},
		{"/api/tasks", `{"type":"demo_task","t\u0079pe":"other"}`, "INVALID_JSON"},
		{"/api/versions", `{"request_id":"a","version":"1","request_id":"b"}`, "INVALID_JSON"},
		{lease + "/complete", `{"lease":"l","result":1,"result":2}`, "INVALID_JSON"},
	} {
		newService(t, inTesting).ask(t, http.MethodPost, tc.path, tc.body).wantError(t, http.StatusBadRequest, tc.code)
	}
}

func TestUnpairedSurrogateBecomesReplacementCharacter(t *testing.T) { // programs that cut texts write it
	s := newService(t, ginapi.Config{})
	s.workers.EXPECT().Fail(gomock.Any(), task.ID(knownID), task.Lease("l"), task.Failure{Error: "cut \ufffd"})
	if a := s.ask(t, http.MethodPost, "/api/tasks/"+knownID+"/fail", `{"lease":"l","error":"cut \ud83d"}`); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Nothing that a client sends is more than refused.
func FuzzBodies(f *testing.F) { // S3
	paths := []string{
		"/api/tasks", "/api/versions", "/api/events", "/api/workers/claim", "/api/testing/tasks/start", "/api/testing/deployments/version", "/api/testing/sse/task-event",
		"/api/tasks/" + knownID + "/progress", "/api/tasks/" + knownID + "/complete", "/api/tasks/" + knownID + "/complete?lease=l", "/api/tasks/" + knownID + "/fail",
	}
	for i := range paths {
		for _, seed := range []string{
			`{"type":"demo_task","params":{"steps":-1}}`, goodVersion, goodAppEvent, goodClaim, goodResult, goodEvent, `{"lease":"l","value":1e999,"stage":-1,"done":-0.0}`,
			`{"types":["a"],"wait":-0}`, `null`, `[[[`, "\"\xff\"", `{"a":1,"a":2}`, `{"lease":"l","text":"\ud800"}`, "\x00", "",
		} {
			f.Add(i, seed)
		}
	}
	f.Fuzz(func(t *testing.T, path int, body string) {
		s := newService(t, inTesting)
		anything(s)
		rec := httptest.NewRecorder()
		s.engine.ServeHTTP(rec, newRequest(t, http.MethodPost, paths[uint(path)%uint(len(paths))], body))
		if rec.Code >= http.StatusInternalServerError {
			t.Errorf("%q is answered %d %s", body, rec.Code, rec.Body)
		}
	})
}

// anything has every port take everything.
func anything(s *service) {
	s.tasks.EXPECT().Start(gomock.Any(), gomock.Any()).AnyTimes()
	s.versions.EXPECT().Announce(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	s.events.EXPECT().Publish(gomock.Any(), gomock.Any()).AnyTimes()
	s.workers.EXPECT().Claim(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	s.workers.EXPECT().Progress(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	s.workers.EXPECT().Complete(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	s.workers.EXPECT().Fail(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	s.reader.EXPECT().Get(gomock.Any(), gomock.Any()).AnyTimes().Return(task.Task{ID: knownID, Lease: "l"}, nil)
	s.sendTo = func(context.Context, connection.RequestID, event.Event) (bool, error) { return true, nil }
}

func TestInvalidTaskIDIsNotFound(t *testing.T) { // S3, T7, T9
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

func TestClientInputCannotForgeLogLines(t *testing.T) {
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
