package env_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heliograph/bootstrap"
	"heliograph/domain/access"
	"heliograph/domain/output"
	"heliograph/test/standin"
)

// outputRig is a service, or two nodes of one, and the callers of its API.
type outputRig struct {
	t       *testing.T
	nodes   []string // where the API is: one for the stream, and one for everything else
	streams string   // where streams are opened
	user    string   // the JWT of ann
	worker  string   // that of a worker
}

func (e environment) outputRig(t *testing.T) *outputRig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	if err := os.WriteFile(path, []byte("tasks:\n  far: {description: Far, worker: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := map[string]string{"TASKS_FILE": path, "TASK_OUTPUT_BYTES": "64KiB", "SSE_PING_INTERVAL": "0", "SHUTDOWN_GRACE_PERIOD": "5s"}
	r := &outputRig{t: t}
	if e.required() {
		ends := time.Now().Add(time.Hour)
		r.user = mint(t, &access.Principal{Subject: "ann", Expires: ends, Scopes: access.ScopesOf(access.Stream, access.TasksRead, access.TasksStart)})
		r.worker = mint(t, &access.Principal{Subject: "worker", Expires: ends, Scopes: access.ScopesOf(access.TasksWork)})
	}
	var outside *standin.Server
	if e.external() {
		outside = gatewayWithExtensions(t)
		own["SSE_GATEWAY_URL"] = outside.URL()
	}
	cfg := e.config(t, own)
	names := []string{"node-1"}
	if cfg.Broker.Cluster() {
		names = append(names, "node-2")
	}
	for _, name := range names {
		cfg.NodeName = name
		app, err := bootstrap.New(t.Context(), cfg, silent)
		if err != nil {
			t.Fatal(err)
		}
		url, _ := start(t, app)
		r.nodes = append(r.nodes, url)
	}
	r.streams = r.nodes[0]
	if outside != nil {
		outside.SetCallback(r.nodes[0] + "/api/sse/callback")
		r.streams = outside.URL()
	}
	return r
}

// ask asks the last node, and returns the answer's status and body.
func (r *outputRig) ask(method, path, token string, body any) (status int, text string) {
	r.t.Helper()
	raw, isText := body.(string)
	content, err := []byte(raw), error(nil)
	if !isText && body != nil {
		content, err = json.Marshal(body)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.nodes[len(r.nodes)-1]+path, bytes.NewReader(content))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// do is ask that must be granted, and reads the answer into v.
func (r *outputRig) do(method, path, token string, body, v any) {
	r.t.Helper()
	status, text := r.ask(method, path, token, body)
	if status >= http.StatusBadRequest {
		r.t.Fatalf("%s %s is answered with %d %s", method, path, status, text)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(text), v); err != nil {
			r.t.Fatalf("%s: %v", text, err)
		}
	}
}

// A worker prints through one node, and a page follows through its stream at another.
func TestAStreamFollowsATaskInEachEnvironment(t *testing.T) { // T21, T22, A12
	in(t, all(), func(t *testing.T, e environment) {
		r := e.outputRig(t)
		var begun struct {
			TaskID string `json:"task_id"`
			Lease  string `json:"lease"`
		}
		r.do(http.MethodPost, "/api/tasks", r.user, map[string]any{"type": "far"}, &begun)
		r.do(http.MethodPost, "/api/workers/claim", r.worker, map[string]any{"types": []string{"far"}}, &begun)
		outputPath := "/api/tasks/" + begun.TaskID + "/output"

		events := listen(t, r.streams, r.user, "")
		for ev := range events { // what went out before may come first
			if ev.Name == "task_snapshot" {
				break
			}
		}
		var said strings.Builder
		prints := func(text string) {
			t.Helper()
			var at struct{ Offset int }
			r.do(http.MethodPost, fmt.Sprintf("%s?lease=%s&offset=%d", outputPath, begun.Lease, said.Len()), r.worker, text, &at)
			if said.WriteString(text); at.Offset != said.Len() {
				t.Fatalf("the length is %d, want %d", at.Offset, said.Len())
			}
		}
		prints("before ü\n")
		r.do(http.MethodPost, "/api/connections/ann/follow", r.user, map[string]any{"task_id": begun.TaskID}, nil)

		have, gaps := 0, 0
		takes := func(until int) (closed bool) {
			t.Helper()
			for have < until || until == 0 && !closed {
				ev, open := <-events
				if !open {
					t.Fatal("the stream has ended")
				}
				if ev.Name != output.EventName {
					continue
				}
				var p struct {
					Offset, Gap int
					Text        string
					Closed      bool
				}
				if err := json.Unmarshal([]byte(ev.Data), &p); err != nil || p.Offset != have || said.String()[p.Offset:p.Offset+len(p.Text)] != p.Text {
					t.Fatalf("at %d the stream has %.200s, %v", have, ev.Data, err)
				}
				have, gaps, closed = have+len(p.Text)+p.Gap, gaps+p.Gap, closed || p.Closed
			}
			return closed
		}
		takes(said.Len())
		prints("one line\n")
		takes(said.Len())
		r.do(http.MethodPost, "/api/connections/ann/unfollow", r.user, map[string]any{"task_id": begun.TaskID}, nil)
		for range 6 { // more than is kept
			prints(strings.Repeat("a line that is not followed\n", 2000))
		}
		r.do(http.MethodPost, "/api/connections/ann/follow", r.user, map[string]any{"task_id": begun.TaskID, "offset": have}, nil)
		takes(said.Len())
		if gaps == 0 || gaps > said.Len() {
			t.Errorf("%d bytes of %d are said to be gone", gaps, said.Len())
		}
		r.do(http.MethodPost, "/api/tasks/"+begun.TaskID+"/complete", r.worker, map[string]any{"lease": begun.Lease}, nil)
		if !takes(0) || have != said.Len() {
			t.Errorf("it ends at %d, want %d", have, said.Len())
		}
		if status, text := r.ask(http.MethodGet, fmt.Sprintf("%s?offset=%d", outputPath, said.Len()-5), r.user, nil); status != http.StatusOK || text != said.String()[said.Len()-5:] {
			t.Errorf("the end is read as %d %q", status, text)
		}
		if e.required() {
			r.refusals(t, begun.TaskID)
		}
	})
}

// refusals is what others get.
func (r *outputRig) refusals(t *testing.T, id string) {
	t.Helper()
	eve := mint(t, &access.Principal{Subject: "eve", Expires: time.Now().Add(time.Hour), Scopes: access.ScopesOf(access.Stream, access.TasksRead)})
	for _, c := range []struct {
		method, path, token string
		body                any
		want                int
		code                string
	}{
		{http.MethodGet, "/api/tasks/" + id + "/output", eve, nil, http.StatusNotFound, "TASK_NOT_FOUND"},
		{http.MethodGet, "/api/tasks/" + id + "/output", r.worker, nil, http.StatusForbidden, "FORBIDDEN"},
		{http.MethodGet, "/api/tasks/" + id + "/output", "", nil, http.StatusUnauthorized, "UNAUTHORIZED"},
		{http.MethodPost, "/api/tasks/" + id + "/output?lease=x&offset=0", r.user, "x", http.StatusForbidden, "FORBIDDEN"},
		{http.MethodPost, "/api/connections/ann/follow", eve, map[string]any{"task_id": id}, http.StatusNotFound, "UNKNOWN_CONNECTION"},
		{http.MethodPost, "/api/connections/ann/unfollow", eve, map[string]any{"task_id": id}, http.StatusNotFound, "UNKNOWN_CONNECTION"},
		{http.MethodPost, "/api/connections/ann/follow", r.worker, map[string]any{"task_id": id}, http.StatusForbidden, "FORBIDDEN"},
	} {
		if status, text := r.ask(c.method, c.path, c.token, c.body); status != c.want || !strings.Contains(text, `"`+c.code+`"`) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, text, c.want, c.code)
		}
	}
}
