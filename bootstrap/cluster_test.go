package bootstrap_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"heliograph/test/natsserver"
	"heliograph/test/sseclient"
)

// node starts a node of the cluster at url.
func node(t *testing.T, url, name string) service {
	t.Helper()
	return start(t, map[string]string{
		"NATS_URL": url, "NODE_NAME": name, "FRONTEND_VERSION_FILE": filepath.Join(t.TempDir(), "none.json"),
	})
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
