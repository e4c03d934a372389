package bootstrap_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"heliograph/test/natsserver"
)

// documented returns the subjects that docs/cluster.md says a node must be allowed.
func documented(t *testing.T, what string) (subjects []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(what + `:\s+\[(.*)\]`).FindSubmatch(text)
	if list == nil {
		t.Fatalf("docs/cluster.md has no %s", what)
	}
	for subject := range strings.SplitSeq(string(list[1]), ",") {
		subjects = append(subjects, strings.Trim(subject, ` "`))
	}
	return subjects
}

func TestTheDocumentedPermissionsAreEnough(t *testing.T) { // 28
	server := natsserver.Start(t)
	server.Away()
	server.Permissions("s3cret", documented(t, "publish"), documented(t, "subscribe"))
	server.Back(t)
	url := strings.Replace(server.URL(), "//", "//node:s3cret@", 1)
	one, two := node(t, url, "one"), node(t, url, "two")
	_, old := one.stream(t, "me", "")
	two.announce(t, `{"version":"1","request_id":"me"}`)
	wait(t, old, "version", `"1"`)
	two.must(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","params":{"delay":0.001}}`, http.StatusAccepted)
	wait(t, old, "task_event", "task_completed")
	_, current := two.stream(t, "me", "") // one is asked to close the other
	<-old.Done()
	wait(t, old, "replaced", "")
	current.Close()
	one.must(t, http.MethodGet, "/api/tasks", "", http.StatusOK)
	one.end(t)
	two.end(t)
}
