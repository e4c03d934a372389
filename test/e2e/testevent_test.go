package e2e_test

import (
	"net/http"
	"strings"
	"testing"
)

// The frontends' own tests have a made-up event sent to one of their pages.
func TestATestEventReachesOnlyItsStream(t *testing.T) { // E1, E4
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t, "APP_ENV=testing")
		mine, other := s.stream(t, "mine"), s.stream(t, "other")
		send := func(requestID string) answer {
			return s.call(t, http.MethodPost, "/api/testing/sse/task-event",
				`{"request_id":"`+requestID+`","task_id":"made-up","event_type":"task_failed","data":{"error":"oh no"}}`)
		}
		if a := send("nobody"); a.status != http.StatusBadRequest || a.code() != "UNKNOWN_CONNECTION" {
			t.Errorf("to nobody: %d %s", a.status, a.body)
		}
		if a := send("mine"); a.status != http.StatusOK || !strings.Contains(string(a.body), `"delivered":true`) {
			t.Errorf("to mine: %d %s", a.status, a.body)
		}
		mine.awaitTask(t, "made-up", "task_failed")
		id := s.startTask(t, quickTask)
		other.awaitTask(t, id, "task_completed")
		if events := other.taskEvents(t, "made-up"); len(events) > 0 {
			t.Errorf("the other stream got %v", events)
		}
	})
}
