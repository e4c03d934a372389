package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// conformanceSuite is what the Durable Streams protocol's own tests are published as.
const conformanceSuite = "@durable-streams/server-conformance-tests@0.3.6"

// readerTests are the tests of that suite that are about reading text: whole groups, and
// single ones. docs/output.md says what the others are about.
var readerTests = []string{
	"Read Operations", "Long-Poll Operations", "HEAD Metadata ", "Offset Validation and Resumability", "Long-Poll Edge Cases",
	"Caching and ETag", "Chunking and Large Payloads", "Read-Your-Writes Consistency", "SSE Mode", "Offset Validation Properties",
	"Read Closed Streams", "HEAD with Stream Closure", "Long-poll with Stream Closure", "SSE with Stream Closure",
	"should return empty body with up-to-date for empty stream", "should read from offset",
	"nosniff on GET", "nosniff on HEAD", "nosniff on SSE", "nosniff on long-poll", "Cross-Origin-Resource-Policy", "no-store on HEAD", "headers on error responses",
	"should preserve data immutability by position", "should generate unique, monotonically increasing offsets",
	"should reject empty offset parameter", "should reject multiple offset parameters", "should ignore unknown query parameters",
	"offset-now-on-closed-stream",
}

// otherTests are tests of those groups that are not about reading text, by why.
var otherTests = map[string][]string{
	"they are about streams of JSON, and a task's output is text": {
		"JSON", "application/json",
	},
	"they write bytes, and a task's output is UTF-8": {
		"base64", "binary", "application/x-protobuf", "image/png", "chunk-size pagination",
	},
	"they want the very Content-Type that the stream was created with, and a task's output is always text/plain; charset=utf-8": {
		"should return correct headers on GET", "should return stream content-type on GET", "should return metadata without body",
	},
	"they are about how long a stream is kept, which a task decides": {
		"TTL", "Expires",
	},
	"it appends and closes in one call, and a worker ends its task in a call of its own": {
		"sse-live-reader-receives-final-append-on-close",
	},
}

// The suite creates streams, appends to them and closes them by the protocol's own write
// half, which a task's output has another one for. writeHalf translates.
type writeHalf struct {
	t       *testing.T
	service string
	read    *httputil.ReverseProxy

	mu      sync.Mutex
	streams map[string]*written // by path; guarded by mu
}

type written struct {
	TaskID string `json:"task_id"`
	Lease  string `json:"lease"`
	length int
}

func newWriteHalf(t *testing.T, service string) *httptest.Server {
	t.Helper()
	target, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	w := &writeHalf{t: t, service: service, streams: map[string]*written{}}
	w.read = &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		id := "unknown"
		if s := w.stream(r.In.URL.Path); s != nil {
			id = s.TaskID
		}
		r.SetURL(target)
		r.Out.URL.Path, r.Out.URL.RawPath = "/api/tasks/"+id+"/output", ""
		r.Out.Host = target.Host
	}}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return server
}

func (w *writeHalf) stream(path string) *written {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streams[path]
}

// ServeHTTP implements http.Handler.
func (w *writeHalf) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPut:
		s := &written{}
		w.call("/api/tasks", `{"type":"count","claim":true}`, s)
		w.mu.Lock()
		w.streams[r.URL.Path] = s
		w.mu.Unlock()
		w.write(rw, r, s, http.StatusCreated)
	case http.MethodPost:
		if s := w.stream(r.URL.Path); s != nil {
			w.write(rw, r, s, http.StatusNoContent)
			return
		}
		rw.WriteHeader(http.StatusNotFound)
	default:
		w.read.ServeHTTP(rw, r)
	}
}

// write appends the body of a request, in the pieces that one call takes, and closes the
// stream if the request says so.
func (w *writeHalf) write(rw http.ResponseWriter, r *http.Request, s *written, status int) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(body) > 0 {
		size := min(len(body), 64<<10)
		var at struct{ Offset int }
		w.call(fmt.Sprintf("/api/tasks/%s/output?lease=%s&offset=%d", s.TaskID, s.Lease, s.length), string(body[:size]), &at)
		s.length, body = at.Offset, body[size:]
	}
	rw.Header().Set("Stream-Next-Offset", fmt.Sprintf("%016d", s.length))
	rw.Header().Set("Content-Type", "text/plain")
	if r.Header.Get("Stream-Closed") == "true" {
		w.call("/api/tasks/"+s.TaskID+"/complete", fmt.Sprintf(`{"lease":%q}`, s.Lease), nil)
		rw.Header().Set("Stream-Closed", "true")
	}
	rw.WriteHeader(status)
}

func (w *writeHalf) call(path, body string, v any) {
	resp, err := http.Post(w.service+path, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Error(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && v != nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		w.t.Errorf("%s: %d %s, %v", path, resp.StatusCode, text, err)
	}
}

func TestTheReadHalfOfDurableStreams(t *testing.T) { // T22
	node := needed(t, "node", "the Durable Streams conformance tests")
	npm := needed(t, "npm", "the Durable Streams conformance tests")
	s := start(t, "TASKS_FILE="+filepath.Join(examples, "workers/tasks.yaml"), "CORS_ORIGINS=https://example.com", versionless)
	server := newWriteHalf(t, s.url)

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"private": true, "type": "module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefix", dir, conformanceSuite)
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("npm cannot install %s: %v\n%s", conformanceSuite, err, out))
	}
	suite := `import { runConformanceTests } from "@durable-streams/server-conformance-tests";
runConformanceTests({ baseUrl: process.env.CONFORMANCE_TEST_URL });
`
	if err := os.WriteFile(filepath.Join(dir, "reader.test.mjs"), []byte(suite), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "node_modules/vitest/vitest.mjs", "run", "--root", dir, "--testTimeout=30000", "--reporter=verbose", "-t", readerPattern())
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CONFORMANCE_TEST_URL="+server.URL, "CI=1", "NO_COLOR=1") //nolint:forbidigo // not configuration of ours
	out, err := cmd.CombinedOutput()
	passed := regexp.MustCompile(`Tests .*?(\d+) passed`).FindSubmatch(out)
	if err != nil || passed == nil || len(passed[1]) < 2 {
		t.Errorf("the suite: %v\n%s", err, out)
		return
	}
	t.Logf("%s tests of the suite passed", passed[1])
}

// readerPattern is the expression for the names of the tests that count.
func readerPattern() string {
	var not, yes []string
	for _, names := range otherTests {
		for _, name := range names {
			not = append(not, regexp.QuoteMeta(name))
		}
	}
	for _, name := range readerTests {
		yes = append(yes, regexp.QuoteMeta(name))
	}
	return "^(?!.*(" + strings.Join(not, "|") + "|Fork)).*(" + strings.Join(yes, "|") + ")"
}
