package bootstrap_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"

	"heliograph/bootstrap"
	"heliograph/test/sseclient"
)

// durable is an environment in which only the test announces versions.
func durable(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	return map[string]string{"DATA_DIR": dir, "FRONTEND_VERSION_FILE": filepath.Join(dir, "none.json")}
}

func (s service) must(t *testing.T, method, path, content string, want int) (body string) {
	t.Helper()
	status, body := ask(t, method, s.url+path, content)
	if status != want {
		t.Fatalf("%s %s: %d %s, want %d", method, path, status, body, want)
	}
	return body
}

func (s service) announce(t *testing.T, payload string) {
	t.Helper()
	s.must(t, http.MethodPost, "/api/versions", payload, http.StatusAccepted)
}

// stream opens the stream of a request_id, after the event with the ID lastID.
func (s service) stream(t *testing.T, requestID, lastID string) (*sseclient.Client, *sseclient.Stream) {
	t.Helper()
	client := sseclient.New(s.url + "/api/sse/stream?request_id=" + requestID)
	client.SetLastID(lastID)
	stream, err := client.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)
	return client, stream
}

// wait waits for an event of that name that says something.
func wait(t *testing.T, stream *sseclient.Stream, name, says string) {
	t.Helper()
	match := func(i sseclient.Item) bool { return i.Event.Name == name && strings.Contains(i.Event.Data, says) }
	if _, err := stream.Wait(t.Context(), match); err != nil {
		t.Fatalf("no %s with %s: %v in %+v", name, says, err, stream.Events())
	}
}

func (s service) end(t *testing.T) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestWithADataDirAClientResumesAfterARestart(t *testing.T) { // G2
	environ := durable(t)
	before := start(t, environ)
	client, stream := before.stream(t, "me", "")
	before.announce(t, `{"version":"1"}`)
	wait(t, stream, "version", `"1"`)
	stream.Close()
	before.announce(t, `{"version":"2"}`)
	before.announce(t, `{"version":"3"}`)
	before.end(t)

	after := start(t, environ)
	_, stream = after.stream(t, "me", client.LastID())
	after.announce(t, `{"version":"4"}`)
	wait(t, stream, "version", `"4"`)
	stream.Close()
	var got []string
	last := client.LastID()
	for _, e := range stream.Events() {
		if e.ID != last { // else it is a private event: the snapshot, the current version
			got = append(got, e.Name+e.Data)
		}
		last = e.ID
	}
	want := []string{`version{"version":"2"}`, `version{"version":"3"}`, `version{"version":"4"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the resumed stream (-want +got):\n%s", diff)
	}
	after.end(t)
}

func TestWithADataDirTasksAndPendingVersionsSurviveARestart(t *testing.T) { // V3
	environ := durable(t)
	before := start(t, environ)
	_, stream := before.stream(t, "other", "")
	before.must(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","params":{"delay":0.001}}`, http.StatusAccepted)
	wait(t, stream, "task_event", "task_completed")
	stream.Close()
	before.announce(t, `{"version":"3","request_id":"me"}`)
	listed := before.must(t, http.MethodGet, "/api/tasks", "", http.StatusOK)
	before.end(t)

	after := start(t, environ)
	if again := after.must(t, http.MethodGet, "/api/tasks", "", http.StatusOK); again != listed || !strings.Contains(again, "completed") {
		t.Errorf("tasks were %s, are %s", listed, again)
	}
	_, stream = after.stream(t, "me", "")
	wait(t, stream, "version", `"3"`)
	stream.Close()
	after.end(t)
}

func TestADataDirInUseIsAClearError(t *testing.T) {
	environ := durable(t)
	first := start(t, environ)
	environ["HTTP_ADDR"] = "127.0.0.1:0"
	if _, err := bootstrap.New(t.Context(), load(t, environ), silent); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("the second service in the folder: %v", err)
	}
	first.end(t)
}

func TestOpenedPartsAreClosedWhenTheStartFails(t *testing.T) {
	environ := durable(t)
	environ["HTTP_ADDR"] = "127.0.0.1:0"
	broken := fx.Invoke(func() error { return context.Canceled })
	if _, err := bootstrap.New(t.Context(), load(t, environ), silent, broken); err == nil {
		t.Fatal("no error")
	}
	start(t, environ).end(t) // the folder is free
}

func TestARestoredBackupBeginsANewEpoch(t *testing.T) { // G3: its event IDs must not be given out again
	environ := durable(t)
	dir := environ["DATA_DIR"]
	before := start(t, environ)
	task := before.must(t, http.MethodPost, "/api/tasks", `{"type":"demo_task","params":{"delay":0.001}}`, http.StatusAccepted)
	before.announce(t, `{"version":"1"}`)
	before.end(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	after := start(t, environ)
	client, stream := after.stream(t, "me", "")
	after.announce(t, `{"version":"2"}`)
	wait(t, stream, "version", `"2"`)
	stream.Close()
	after.end(t)

	environ["DATA_DIR"] = backup
	if err := os.WriteFile(filepath.Join(backup, "restored"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	restored := start(t, environ)
	restored.announce(t, `{"version":"3"}`)
	client, stream = restored.stream(t, "me", client.LastID())
	wait(t, stream, "stream_reset", `"epoch"`)
	restored.announce(t, `{"version":"4"}`)
	wait(t, stream, "version", `"4"`)
	stream.Close()
	var started struct {
		ID string `json:"task_id"`
	}
	if err := json.Unmarshal([]byte(task), &started); err != nil {
		t.Fatal(err)
	}
	restored.must(t, http.MethodGet, "/api/tasks/"+started.ID+"/status", "", http.StatusOK)
	restored.end(t)

	again := start(t, environ) // an ordinary restart
	again.announce(t, `{"version":"5"}`)
	_, stream = again.stream(t, "me", client.LastID())
	wait(t, stream, "version", `"5"`)
	stream.Close()
	for _, e := range stream.Events() {
		if e.Name == "stream_reset" {
			t.Errorf("after the next restart the stream was reset: %s", e.Data)
		}
	}
	again.end(t)
}
