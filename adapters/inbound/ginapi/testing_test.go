package ginapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/domain/connection"
	"heliograph/domain/version"
)

var inTesting = ginapi.Config{Testing: true}

func TestATestDeploymentIsDelivered(t *testing.T) { // V2
	s := newService(t, inTesting)
	s.versions.EXPECT().Announce(gomock.Any(), connection.RequestID("abc123"), mustVersion(t, `{"changelog":"x","version":"1"}`))
	s.ask(t, http.MethodPost, "/api/testing/deployments/version", `{"request_id":"abc123","version":"1","changelog":"x"}`).
		wantJSON(t, http.StatusAccepted, `{"requestId":"abc123","delivered":true,"status":"delivered"}`)
}

func TestATestDeploymentDuringShutdownIsQueued(t *testing.T) { // V7
	s := newService(t, inTesting)
	announced(version.ErrShuttingDown)(s)
	s.ask(t, http.MethodPost, "/api/testing/deployments/version", goodVersion).
		wantJSON(t, http.StatusAccepted, `{"requestId":"abc123","delivered":false,"status":"queued"}`)
}

func TestTheThreeTestTasksCanBeStarted(t *testing.T) {
	for _, typ := range []string{"demo_task", "failing_task", "long_running_task"} {
		s := newService(t, inTesting)
		s.tasks.EXPECT().Start(gomock.Any(), typ, json.RawMessage(`{"delay":0}`), "").Return(pending(knownID), nil)
		s.ask(t, http.MethodPost, "/api/testing/tasks/start", `{"task_type":"`+typ+`","params":{"delay":0}}`).
			wantJSON(t, http.StatusOK, `{"status":"pending","task_id":"`+knownID+`"}`)
	}
}
