package bootstrap_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heliograph/test/natsserver"
	"heliograph/test/sseclient"
)

// node starts a node of the cluster at url.
func node(t *testing.T, url, name string, more ...string) service {
	t.Helper()
	environ := map[string]string{
		"NATS_URL": url, "NODE_NAME": name, "FRONTEND_VERSION_FILE": filepath.Join(t.TempDir(), "none.json"),
	}
	for _, assignment := range more {
		variable, value, _ := strings.Cut(assignment, "=")
		environ[variable] = value
	}
	return start(t, environ)
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

func TestNodesShareEventsAndConnections(t *testing.T) { // C3, E2
	url := natsserver.Start(t).URL()
	one, two := node(t, url, "one"), node(t, url, "two")
	_, old := one.stream(t, "me", "")
	_, other := two.stream(t, "other", "")
	one.must(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","params":{"delay":0.001}}`, http.StatusAccepted)
	for _, stream := range []*sseclient.Stream{old, other} {
		wait(t, stream, "task_event", "task_completed")
	}
	_, young := two.stream(t, "me", "")
	wait(t, old, "replaced", "")
	<-old.Done()
	two.announce(t, `{"version":"2"}`)
	wait(t, young, "version", `"2"`)
	for _, s := range []service{one, two} {
		s.end(t)
	}
}

func TestAnAnnouncedVersionIsThatOfAllNodes(t *testing.T) { // V6: without a source
	url := natsserver.Start(t).URL()
	one, two := node(t, url, "one"), node(t, url, "two")
	for _, s := range []service{one, two} {
		if body := s.must(t, http.MethodGet, "/api/version", "", http.StatusServiceUnavailable); !strings.Contains(body, "VERSION_UNAVAILABLE") {
			t.Errorf("before, a node says %s", body)
		}
	}
	_, there := two.stream(t, "there", "")
	one.announce(t, `{"version":"7"}`)
	wait(t, there, "version", `"7"`)
	three := node(t, url, "three") // which comes later
	for _, s := range []service{one, two, three} {
		if body := s.must(t, http.MethodGet, "/api/version", "", http.StatusOK); !strings.Contains(body, `"7"`) {
			t.Errorf("afterwards, a node says %s", body)
		}
		_, stream := s.stream(t, "new", "")
		wait(t, stream, "version", `"7"`)
		stream.Close()
	}
	for _, s := range []service{one, two, three} {
		s.end(t)
	}
}

func TestATaskIsSeenAndCancelledFromAnotherNode(t *testing.T) { // T7
	url := natsserver.Start(t).URL()
	one, two := node(t, url, "one"), node(t, url, "two")
	_, stream := two.stream(t, "me", "")
	started := one.must(t, http.MethodPost, "/api/tasks", `{"type":"long_running_task","params":{"total_time":60}}`, http.StatusAccepted)
	var task struct {
		ID string `json:"task_id"`
	}
	if err := json.Unmarshal([]byte(started), &task); err != nil {
		t.Fatal(err)
	}
	wait(t, stream, "task_event", "progress_update")
	if body := two.must(t, http.MethodGet, "/api/tasks/"+task.ID, "", http.StatusOK); !strings.Contains(body, `"running"`) {
		t.Errorf("the other node says %s", body)
	}
	two.must(t, http.MethodPost, "/api/tasks/"+task.ID+"/cancel", "", http.StatusOK)
	wait(t, stream, "task_event", "task_cancel_requested") // T3, which the node says that runs it
	wait(t, stream, "task_event", "task_cancelled")
	two.must(t, http.MethodDelete, "/api/tasks/"+task.ID, "", http.StatusOK)
	wait(t, stream, "task_event", "task_removed")
	one.must(t, http.MethodGet, "/api/tasks/"+task.ID, "", http.StatusNotFound)
	stream.Close()
	for _, s := range []service{one, two} {
		s.end(t)
	}
}

func TestPendingTasksRunOnAnotherNodeWhenOneStops(t *testing.T) { // T15
	url := natsserver.Start(t).URL()
	one := node(t, url, "one", "TASK_MAX_WORKERS=1", "SHUTDOWN_GRACE_PERIOD=2s")
	one.must(t, http.MethodPost, "/api/tasks", `{"type":"long_running_task","params":{"total_time":60}}`, http.StatusAccepted)
	one.must(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","params":{"message":"it waited","delay":0.001}}`, http.StatusAccepted)
	one.end(t)
	two := node(t, url, "two")
	_, stream := two.stream(t, "me", "")
	eventually(t, "what waited is completed", func() bool {
		return strings.Contains(two.must(t, http.MethodGet, "/api/tasks?status=completed", "", http.StatusOK), "demo_task")
	})
	if body := two.must(t, http.MethodGet, "/api/tasks?status=cancelled", "", http.StatusOK); !strings.Contains(body, "long_running_task") {
		t.Errorf("what ran is not cancelled: %s", body)
	}
	stream.Close()
	two.end(t)
}

func TestAnAnnouncedVersionIsCurrentOnAllNodesAndAfterARestart(t *testing.T) { // V6
	url := natsserver.Start(t).URL()
	const source = "FRONTEND_VERSION=1"
	one := node(t, url, "one", "FRONTEND_VERSION_FILE=", source)
	two := node(t, url, "two", "FRONTEND_VERSION_FILE=", source)
	_, stream := two.stream(t, "me", "")
	wait(t, stream, "version", `"1"`)
	one.announce(t, `{"version":"2"}`)
	wait(t, stream, "version", `"2"`)
	wantVersion(t, two)
	one.end(t)
	two.end(t)

	three := node(t, url, "three", "FRONTEND_VERSION_FILE=", source)
	wantVersion(t, three)
	three.end(t)
}

// wantVersion holds that version 2 is the current one for requests and new connections.
func wantVersion(t *testing.T, s service) {
	t.Helper()
	if body := s.must(t, http.MethodGet, "/api/version", "", http.StatusOK); strings.TrimSpace(body) != `{"version":"2"}` {
		t.Errorf("GET /api/version says %s", body)
	}
	_, stream := s.stream(t, "new", "")
	defer stream.Close()
	wait(t, stream, "version", "")
	if first := stream.Events()[slices.IndexFunc(stream.Events(), func(e sseclient.Event) bool { return e.Name == "version" })]; first.Data != `{"version":"2"}` {
		t.Errorf("a new stream got %s first", first.Data)
	}
}
