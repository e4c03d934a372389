package main

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"heliograph/bootstrap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output collects what is written, from any goroutine.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
	// seen is called with all that was written so far, whenever that grows.
	seen func(string)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.buf.Write(p)
	if o.seen != nil {
		o.seen(o.buf.String())
	}
	return n, err
}

// call runs the command and returns all that it said.
func call(t *testing.T, environ map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	p := program{args: args, environ: environ, stdout: &out, stderr: &err, host: bootstrap.Host{Name: "node-1"}}
	status = p.run(t.Context())
	return status, out.String(), err.String()
}

func TestConfigShowsEveryVariableWithItsOrigin(t *testing.T) {
	status, table, stderr := call(t, map[string]string{"TASK_MAX_WORKERS": "7", "SSE_CALLBACK_SECRET": "s3cret"}, "config")
	if status != 0 || stderr != "" {
		t.Fatalf("exit status %d, %s", status, stderr)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		rows[fields[0]] = fields[1:]
	}
	for _, s := range (bootstrap.Config{}).Settings() {
		if rows[s.Name] == nil {
			t.Errorf("%s is missing", s.Name)
		}
	}
	for name, want := range map[string]string{
		"NAME": "VALUE ORIGIN", "TASK_MAX_WORKERS": "7 environment", "TASK_QUEUE_SIZE": "256 default",
		"SSE_CALLBACK_SECRET": "[redacted] environment", "DATA_DIR": "default", "NODE_NAME": "node-1 default",
	} {
		if got := strings.Join(rows[name], " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestConfigurationErrorsEndEveryCommandThatReadsIt(t *testing.T) {
	for _, args := range [][]string{nil, {"serve"}, {"config"}} {
		status, stdout, stderr := call(t, map[string]string{"TASK_TIMEOUT": "soon", "SSE_GATEWAY_TIMEOUT": "later"}, args...)
		want := "heliograph: SSE_GATEWAY_TIMEOUT: \"later\" is not a duration such as 15s or 5m\n" +
			"heliograph: TASK_TIMEOUT: \"soon\" is not a duration such as 15s or 5m\n"
		if status != 1 || stdout != "" || stderr != want {
			t.Errorf("%q: exit status %d, %q, %q", args, status, stdout, stderr)
		}
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string // what they hold
	}{
		{args: []string{"--help"}, stdout: "healthcheck"},
		{args: []string{"serve", "--help"}, stdout: "Usage: heliograph serve"},
		{args: []string{"version"}, stdout: bootstrap.BuildVersion() + "\n"},
		{args: []string{"fly"}, status: 1, stderr: "heliograph: unexpected argument fly"},
		{args: []string{"--fast"}, status: 1, stderr: "heliograph: unknown flag --fast"},
	} {
		status, stdout, stderr := call(t, nil, c.args...)
		if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: exit status %d, %q, %q", c.args, status, stdout, stderr)
		}
	}
}

func TestHealthcheckExitStatus(t *testing.T) {
	healthy := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(healthy)
	}))
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (int, string) {
		status, _, stderr := call(t, map[string]string{"HTTP_ADDR": "127.0.0.1:" + port, "TASKS_FILE": "/no/such/file"}, "healthcheck")
		return status, stderr
	}
	if status, _, stderr := call(t, map[string]string{"PORT": port}, "healthcheck", "gateway"); status != 0 {
		t.Errorf("of a healthy gateway: %d, %s", status, stderr)
	}
	nothing := map[string]string{"HTTP_ADDR": "127.0.0.1:1", "PORT": port, "CALLBACK_URL": "http://b"}
	if status, _, stderr := call(t, nothing, "healthcheck"); status != 0 {
		t.Errorf("of a healthy gateway, without its role: %d, %s", status, stderr)
	}
	if status, stderr := ask(); status != 0 || stderr != "" {
		t.Errorf("of a healthy service: %d, %s", status, stderr)
	}
	healthy = http.StatusInternalServerError
	if status, stderr := ask(); status != 1 || !strings.Contains(stderr, "answered 500") {
		t.Errorf("of a service that fails: %d, %s", status, stderr)
	}
	server.Close()
	if status, stderr := ask(); status != 1 || stderr == "" {
		t.Errorf("of a service that is down: %d, %s", status, stderr)
	}
}

func TestHealthcheckNeedsAnAddressOnly(t *testing.T) { // issue 11, 7
	for _, c := range []struct {
		environ map[string]string
		role    string
		want    string // URLs
		err     string
	}{
		{role: "any", want: "http://localhost:8080/healthz"},
		{environ: map[string]string{"TASKS_FILE": "typo", "TASK_TIMEOUT": "soon", "APP_ENV": "prod"}, role: "any", want: "http://localhost:8080/healthz"},
		{environ: map[string]string{"HTTP_ADDR": ":80", "CALLBACK_URL": "http://b", "PORT": "4000"}, role: "any", want: "http://localhost:80/healthz http://localhost:4000/healthz"},
		{environ: map[string]string{"CALLBACK_URL": "http://b", "PORT": "web"}, role: "serve", want: "http://localhost:8080/healthz"},
		{environ: map[string]string{"HTTP_ADDR": "typo"}, role: "gateway", want: "http://localhost:3000/healthz"},
		{environ: map[string]string{"PORT": "4000"}, role: "gateway", want: "http://localhost:4000/healthz"},
		{environ: map[string]string{"PORT": "web"}, role: "gateway", err: "PORT: "},
		{environ: map[string]string{"HTTP_ADDR": "8080"}, role: "serve", err: "HTTP_ADDR: "},
		{environ: map[string]string{"HTTP_ADDR": ":0"}, role: "serve", err: "HTTP_ADDR: "},
	} {
		urls, err := healthcheckCommand{Role: c.role}.urls(c.environ)
		if got := strings.Join(urls, " "); got != c.want || (err != nil) != (c.err != "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%s of %v: %s, %v; want %s, error %q", c.role, c.environ, got, err, c.want, c.err)
		}
	}
}

func TestHealthcheckAsksThisMachine(t *testing.T) {
	for addr, want := range map[string]string{
		":8080":          "http://localhost:8080/healthz",
		"0.0.0.0:80":     "http://localhost:80/healthz",
		"[::]:80":        "http://localhost:80/healthz",
		"10.0.0.1:80":    "http://10.0.0.1:80/healthz",
		"[fe80::1]:80":   "http://[fe80::1]:80/healthz",
		"my.example:443": "http://my.example:443/healthz",
	} {
		if got, err := healthURL(addr); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", addr, got, err, want)
		}
	}
}

// serve runs the service until it has said until, then ends it as a signal
// would.
func serve(t *testing.T, environ map[string]string, until string) (status int, said string) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	stderr := &output{seen: func(all string) {
		if strings.Contains(all, until) {
			end()
		}
	}}
	environ["HTTP_ADDR"] = "127.0.0.1:0"
	p := program{environ: environ, stdout: &output{}, stderr: stderr, host: bootstrap.Host{Name: "node-1"}}
	status = p.run(ctx)
	return status, stderr.buf.String()
}

func TestServeLogsItsConfigurationAndAddress(t *testing.T) {
	status, log := serve(t, map[string]string{"SSE_GATEWAI": "x", "SSE_CALLBACK_SECRET": "s3cret"}, `"msg":"listening"`)
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	for _, want := range []string{
		`"name":"SSE_GATEWAI"`, `"task_max_workers":"4"`, `"sse_callback_secret":"[redacted]"`, `"addr":"127.0.0.1:`, `"msg":"stopped"`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in the log:\n%s", want, log)
		}
	}
	if strings.Contains(log, "s3cret") || strings.Contains(log, "curl") {
		t.Errorf("a secret, or the welcome for people, is in the log:\n%s", log)
	}
}

func TestServePrintsThreeLinesForATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		environ map[string]string
		want    []string
		not     string
	}{
		"by default":               {want: []string{"listens on http://127.0.0.1:", "browser"}, not: "callback"},
		"without the console":      {environ: map[string]string{"CONSOLE": "off"}, want: []string{"request_id=me", "demo_task"}, not: "browser"},
		"in production":            {environ: map[string]string{"APP_ENV": "production", "AUTH": "none"}, want: []string{"request_id=me"}, not: "demo_task"},
		"with an external gateway": {environ: map[string]string{"SSE_GATEWAY": "http"}, want: []string{"/api/sse/callback"}, not: "request_id=me"},
	} {
		t.Run(name, func(t *testing.T) {
			environ := map[string]string{"LOG_FORMAT": "text", "LOG_LEVEL": "error"}
			maps.Copy(environ, c.environ)
			status, said := serve(t, environ, "Ctrl-C\n")
			if status != 0 || strings.Contains(said, c.not) || strings.Count(said, "\n") != 3 {
				t.Errorf("exit status %d:\n%s", status, said)
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("no %s in:\n%s", want, said)
				}
			}
		})
	}
}

func TestServeOnATakenPortFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	status, _, stderr := call(t, map[string]string{"HTTP_ADDR": taken.Addr().String(), "LOG_LEVEL": "error"})
	if status != 1 || !strings.HasPrefix(stderr, "heliograph: HTTP_ADDR: ") {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}

func TestConfigDrawsWhatTheServiceIsMadeOf(t *testing.T) {
	for role, want := range map[string]string{"serve": "sse.Engine", "gateway": "relay.Relay"} {
		status, graph, stderr := call(t, nil, "config", role, "--graph")
		if status != 0 || stderr != "" || !strings.HasPrefix(graph, "digraph") || !strings.Contains(graph, want) {
			t.Errorf("%s: exit status %d, %s:\n%s", role, status, stderr, graph)
		}
	}
	if status, _, stderr := call(t, map[string]string{"APP_ENV": "x"}, "config", "--graph"); status != 1 || !strings.Contains(stderr, "APP_ENV") {
		t.Errorf("a mistake: exit status %d, %s", status, stderr)
	}
}
