package ginapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

var inTesting = ginapi.Config{Testing: true}

func TestDeploymentIsDelivered(t *testing.T) { // V2
	s := newService(t, inTesting)
	s.versions.EXPECT().Announce(gomock.Any(), connection.RequestID("abc123"), mustVersion(t, `{"changelog":"x","version":"1"}`))
	s.ask(t, http.MethodPost, "/api/testing/deployments/version", `{"request_id":"abc123","version":"1","changelog":"x"}`).
		wantJSON(t, http.StatusAccepted, `{"requestId":"abc123","request_id":"abc123","delivered":true,"status":"delivered"}`)
}

func TestDeploymentDuringShutdownIsQueued(t *testing.T) { // V7
	s := newService(t, inTesting)
	announced(version.ErrShuttingDown)(s)
	s.ask(t, http.MethodPost, "/api/testing/deployments/version", goodVersion).
		wantJSON(t, http.StatusAccepted, `{"requestId":"abc123","request_id":"abc123","delivered":false,"status":"queued"}`)
}

func TestTestTasksCanBeStarted(t *testing.T) {
	for _, typ := range []string{"demo_task", "failing_task", "long_running_task"} {
		s := newService(t, inTesting)
		s.tasks.EXPECT().Start(gomock.Any(), task.Request{Type: typ, Params: json.RawMessage(`{"delay":0}`)}).Return(pending(knownID), nil)
		s.ask(t, http.MethodPost, "/api/testing/tasks/start", `{"task_type":"`+typ+`","params":{"delay":0}}`).
			wantJSON(t, http.StatusOK, `{"status":"pending","task_id":"`+knownID+`"}`)
	}
}

const goodEvent = `{"request_id":"abc123","task_id":"t1","event_type":"progress_update","data":{"text":"half","value":0.5}}`

// sendsTo has the connection with the request_id "abc123" get an event that is as
// wanted, and no other.
func sendsTo(want string) func(*service) {
	return func(s *service) {
		s.sendTo = func(_ context.Context, id connection.RequestID, ev event.Event) (bool, error) {
			if got := regexp.MustCompile(`"[-0-9]{10}T[^"]+Z"`).ReplaceAllString(string(ev.Data), `"now"`); want != "" && got != want {
				return false, errors.New("sent " + got)
			}
			return id == "abc123" && ev.Name == task.EventName && ev.Service == event.ServiceTask, nil
		}
	}
}

func sendFails(err error) func(*service) {
	return func(s *service) {
		s.sendTo = func(context.Context, connection.RequestID, event.Event) (bool, error) { return false, err }
	}
}

func TestTestEventGoesToOneConnection(t *testing.T) {
	for body, want := range map[string]string{
		goodEvent: `{"event_type":"progress_update","task_id":"t1","type":"test","created_at":"now","timestamp":"now","seq":1,"attempt":1,"data":{"text":"half","value":0.5}}`,
		`{"request_id":"abc123","task_id":"t1","event_type":"task_cancelled"}`: `{"event_type":"task_cancelled","task_id":"t1","type":"test","created_at":"now","timestamp":"now","seq":1,"attempt":1,"data":null}`,
	} {
		s := newService(t, inTesting)
		sendsTo(want)(s)
		a := s.ask(t, http.MethodPost, "/api/testing/sse/task-event", body)
		typ := "progress_update"
		if body != goodEvent {
			typ = "task_cancelled"
		}
		a.wantJSON(t, http.StatusOK, `{"requestId":"abc123","request_id":"abc123","taskId":"t1","task_id":"t1","eventType":"`+typ+`","event_type":"`+typ+`","delivered":true}`)
	}
}

func TestInvalidTestEventsAreRefused(t *testing.T) { // S3
	for body, code := range map[string]string{
		strings.Replace(goodEvent, "abc123", "other", 1):               "UNKNOWN_CONNECTION",
		strings.Replace(goodEvent, "abc123", "a:b", 1):                 "INVALID_REQUEST_ID",
		strings.Replace(goodEvent, "progress_update", "task_eaten", 1): "INVALID_PAYLOAD",
		strings.Replace(goodEvent, `"event_type"`, `"eventType"`, 1):   "INVALID_PAYLOAD",
		strings.Replace(goodEvent, `"t1"`, `""`, 1):                    "INVALID_PAYLOAD",
		`{"request_id":"abc123"}`:                                      "INVALID_PAYLOAD",
		`[]`:                                                           "INVALID_PAYLOAD",
		`{`:                                                            "INVALID_JSON",
	} {
		s := newService(t, inTesting)
		sendsTo("")(s)
		s.ask(t, http.MethodPost, "/api/testing/sse/task-event", body).wantError(t, http.StatusBadRequest, code)
	}
}
