package bootstrap_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"heliograph/bootstrap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = slog.New(slog.DiscardHandler)

// environments are the ways to put the service together.
var environments = map[string]map[string]string{
	"embedded gateway, memory broker":  {},
	"http gateway, memory broker":      {"SSE_GATEWAY": "http", "SSE_GATEWAY_URL": "http://127.0.0.1:1"},
	"embedded gateway, durable broker": {"DATA_DIR": ownFolder},
	"http gateway, durable broker":     {"SSE_GATEWAY": "http", "SSE_GATEWAY_URL": "http://127.0.0.1:1", "DATA_DIR": ownFolder},
}

// ownFolder is a DATA_DIR of each service's own.
const ownFolder = "?"

// service is one that runs.
type service struct {
	url  string
	stop func() error // ends it and returns Run's error
}

func start(t testing.TB, environ map[string]string, more ...fx.Option) service {
	t.Helper()
	app := wire(t, environ, more...)
	ctx, cancel := context.WithCancel(t.Context())
	addr, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- app.Run(ctx, func(a net.Addr) { addr <- a }) }()
	select {
	case err := <-ended:
		cancel()
		t.Fatalf("did not start: %v", err)
		return service{}
	case a := <-addr:
		return service{url: "http://" + a.String(), stop: func() error {
			cancel()
			return <-ended
		}}
	}
}

func wire(t testing.TB, environ map[string]string, more ...fx.Option) *bootstrap.App {
	t.Helper()
	all := map[string]string{"HTTP_ADDR": "127.0.0.1:0"}
	maps.Copy(all, environ)
	if all["DATA_DIR"] == ownFolder {
		all["DATA_DIR"] = t.TempDir()
	}
	app, err := bootstrap.New(t.Context(), load(t, all), silent, more...)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// get returns the status and the body of an answer that ends.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return ask(t, http.MethodGet, url, "")
}

func ask(t *testing.T, method, url, content string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestEveryEnvironmentStartsServesAndStops(t *testing.T) {
	for name, environ := range environments {
		t.Run(name, func(t *testing.T) {
			s := start(t, environ)
			if status, body := get(t, s.url+"/readyz"); status != http.StatusOK || !strings.Contains(body, `"service":"ok"`) {
				t.Errorf("readiness is %d %s", status, body)
			}
			if err := s.stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

func TestTheGatewayDecidesWhichRouteThereIs(t *testing.T) { // S2, G1
	for name, want := range map[string]struct{ stream, callback int }{
		"embedded gateway, memory broker": {stream: http.StatusBadRequest, callback: http.StatusNotFound},
		"http gateway, memory broker":     {stream: http.StatusNotFound, callback: http.StatusMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, environments[name])
			if status, _ := get(t, s.url+"/api/sse/stream?request_id=a:b"); status != want.stream {
				t.Errorf("the stream answers %d, want %d", status, want.stream)
			}
			if status, _ := get(t, s.url+"/api/sse/callback"); status != want.callback {
				t.Errorf("the callback answers %d, want %d", status, want.callback)
			}
			if err := s.stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

func TestProductionHasNoDemoTasks(t *testing.T) {
	for env, want := range map[string]bool{"production": false, "development": true, "testing": true} {
		s := start(t, map[string]string{"APP_ENV": env, "AUTH": "none"})
		if _, body := get(t, s.url+"/api/task-types"); strings.Contains(body, "demo_task") != want {
			t.Errorf("%s: task types are %s", env, body)
		}
		if err := s.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

func TestMetricsAreServed(t *testing.T) { // M
	s := start(t, nil)
	_, body := get(t, s.url+"/metrics")
	for _, name := range []string{
		"sse_gateway_active_connections 0", "heliograph_tasks_running 0", "heliograph_build_info{", "heliograph_streams_open 0",
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(body, "\n"+name) {
			t.Errorf("no %s among the metrics", name)
		}
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestShutdownEndsStreamsCleanly(t *testing.T) { // T15, G8
	s := start(t, nil)
	resp, err := http.Get(s.url + "/api/sse/stream?request_id=me")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() {
		t.Fatalf("the stream has no event: %v", lines.Err())
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	last := ""
	for lines.Scan() {
		if lines.Text() != "" {
			last = lines.Text()
		}
	}
	if lines.Err() != nil || !strings.HasPrefix(last, "retry: ") {
		t.Errorf("the stream ends with %q, %v; want retry and a clean end", last, lines.Err())
	}
}

func TestWhileShuttingDownTheServiceRefusesAndStillAnswers(t *testing.T) { // T15, V7, G8
	var s service
	s = start(t, nil, bootstrap.BeforeDrain(func() {
		for _, c := range []struct {
			method, path, content string
			status                int
			body                  string
		}{
			{http.MethodGet, "/healthz", "", http.StatusOK, `"ok"`},
			{http.MethodGet, "/readyz", "", http.StatusServiceUnavailable, `"service":"the service is shutting down"`},
			{http.MethodPost, "/api/tasks", `{"type":"demo_task"}`, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
			{http.MethodPost, "/api/versions", `{"version":"2"}`, http.StatusServiceUnavailable, "SHUTTING_DOWN"},
			{http.MethodPost, "/api/events", `{"name":"note","data":1}`, http.StatusServiceUnavailable, "SHUTTING_DOWN"}, // E11
			{http.MethodGet, "/api/sse/stream?request_id=late", "", http.StatusOK, "retry: "},
		} {
			if status, body := ask(t, c.method, s.url+c.path, c.content); status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%s %s: %d %s, want %d with %s", c.method, c.path, status, body, c.status, c.body)
			}
		}
	}))
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestForeignOriginsAndHostsAreRefused(t *testing.T) { // S2, S5, S6
	const secret, callback = "SSE_CALLBACK_SECRET", "/api/sse/callback?secret=s3cret"
	embedded := map[string]string{"CORS_ORIGINS": "https://app.example"}
	external := map[string]string{"SSE_GATEWAY": "http", "SSE_GATEWAY_URL": "http://127.0.0.1:1", secret: "s3cret", "CORS_ORIGINS": "https://app.example"}
	production := map[string]string{"APP_ENV": "production", "AUTH": "none"}
	named := map[string]string{"APP_ENV": "production", "AUTH": "none", "ALLOWED_HOSTS": "app.example"}
	for name, c := range map[string]struct {
		environ                        map[string]string
		method, path, host, origin, in string
		status                         int
		code                           string
	}{
		"a write of a foreign page":                 {embedded, "POST", "/api/tasks", "", "https://evil.example", `{"type":"demo_task"}`, 403, "CROSS_ORIGIN"},
		"a write of an allowed page":                {embedded, "POST", "/api/tasks", "", "https://app.example", `{"type":"demo_task"}`, 202, ""},
		"a write of a foreign page, production":     {production, "POST", "/api/versions", "", "https://evil.example", `{"version":"1"}`, 403, "CROSS_ORIGIN"},
		"a callback of a page":                      {external, "POST", callback, "", "https://app.example", `{}`, 403, "CROSS_ORIGIN"},
		"a callback of a gateway":                   {external, "POST", callback, "", "", `{}`, 400, "INVALID_PAYLOAD"},
		"a foreign name":                            {embedded, "GET", "/healthz", "evil.example", "", "", 421, "UNKNOWN_HOST"},
		"a foreign name and the callback":           {external, "POST", callback, "evil.example", "", `{}`, 421, "UNKNOWN_HOST"},
		"any name in production":                    {production, "GET", "/healthz", "evil.example", "", "", 200, ""},
		"another name in production, if configured": {named, "GET", "/healthz", "evil.example", "", "", 421, "UNKNOWN_HOST"},
		"the name": {named, "GET", "/healthz", "app.example", "", "", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, c.environ)
			req, err := http.NewRequestWithContext(t.Context(), c.method, s.url+c.path, strings.NewReader(c.in))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = c.host
			if c.origin != "" {
				req.Header.Set("Origin", c.origin)
			}
			if status, body := do(t, req); status != c.status || !strings.Contains(body, c.code) {
				t.Errorf("%d %s, want %d %s", status, body, c.status, c.code)
			}
			if err := s.stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

func TestStreamsCanBeReadByAllowedOrigins(t *testing.T) { // S6
	for _, transport := range []string{"auto", "portable"} {
		s := start(t, map[string]string{"CORS_ORIGINS": "https://app.example", "SSE_TRANSPORT": transport})
		for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": "", "": ""} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/sse/stream?request_id=me", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if origin != "" {
				req.Header.Set("Origin", origin)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			got, credentials := resp.Header.Values("Access-Control-Allow-Origin"), resp.Header.Get("Access-Control-Allow-Credentials") == "true"
			if strings.Join(got, ",") != want || credentials != (want != "") || resp.Header.Get("Vary") != "Origin" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s, from %q: %v", transport, origin, resp.Header)
			}
		}
		if err := s.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

func TestStreamsAndRefusalsForbidSniffing(t *testing.T) { // G7
	for _, transport := range []string{"auto", "portable"} {
		s := start(t, map[string]string{"SSE_TRANSPORT": transport})
		for name, c := range map[string]struct {
			host, query string
			status      int
		}{
			"stream":       {"localhost", "?request_id=me", http.StatusOK},
			"bad name":     {"localhost", "?request_id=", http.StatusBadRequest},
			"foreign host": {"evil.example", "?request_id=me", http.StatusMisdirectedRequest},
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/sse/stream"+c.query, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Host, req.Close = c.host, true
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if got := resp.Header.Values("X-Content-Type-Options"); resp.StatusCode != c.status || strings.Join(got, ",") != "nosniff" {
				t.Errorf("%s, %s: %d with %q, want %d with nosniff once", transport, name, resp.StatusCode, got, c.status)
			}
		}
		if err := s.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

func TestClientsDoNotLearnWhereTheVersionComesFrom(t *testing.T) { // V6
	folder := t.TempDir()
	directory := filepath.Join(folder, "directory")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	broken := httptest.NewTLSServer(http.NotFoundHandler())
	broken.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer broken.Close()
	for name, environ := range map[string]map[string]string{
		"refused":     {"FRONTEND_VERSION_URL": "http://127.0.0.1:1/secret/path?key=s3cret"},
		"unknown":     {"FRONTEND_VERSION_URL": "http://secret.invalid/"},
		"not trusted": {"FRONTEND_VERSION_URL": broken.URL},
		"not there":   {"FRONTEND_VERSION_FILE": filepath.Join(folder, "secret.json")},
		"no file":     {"FRONTEND_VERSION_FILE": directory},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, environ)
			status, body := get(t, s.url+"/api/version")
			if status != http.StatusServiceUnavailable || !strings.Contains(body, "VERSION_UNAVAILABLE") {
				t.Errorf("%d %s", status, body)
			}
			for _, inside := range []string{"127.0.0.1", "secret", folder, "stat", "dial", "lookup", "x509", "->"} {
				if strings.Contains(body, inside) {
					t.Errorf("%q is in %s", inside, body)
				}
			}
			if err := s.stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

func TestProbesMatchInAnyCase(t *testing.T) {
	s := start(t, nil)
	for path, want := range map[string]int{
		"/healthz/": 200, "/Healthz": 200, "/READYZ/": 200, "/healthz//": 404, "/healthz%2F": 404, "/api/healthz": 404,
	} {
		if status, body := get(t, s.url+path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestAPartThatFailsEndsTheService(t *testing.T) {
	broken := errors.New("broken")
	err := wire(t, nil, bootstrap.GatewayFails(broken)).Run(t.Context(), func(net.Addr) {})
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "gateway: ") {
		t.Errorf("the service ended with %v, want gateway: broken", err)
	}
}

func TestShutdownDoesNotWaitForConnectionsWithoutARequest(t *testing.T) { // T15
	s := start(t, map[string]string{"SHUTDOWN_GRACE_PERIOD": "2s"}) // net/http would wait for 5 s
	spare, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spare.Close() }()
	get(t, s.url+"/healthz") // the spare connection was accepted before this one
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestATakenPortIsAClearError(t *testing.T) {
	first := start(t, nil)
	err := wire(t, map[string]string{"HTTP_ADDR": strings.TrimPrefix(first.url, "http://")}).
		Run(t.Context(), func(net.Addr) { t.Error("the second service says that it has started") })
	if err == nil || !strings.HasPrefix(err.Error(), "HTTP_ADDR: ") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("the second service on the port: %v", err)
	}
	if err := first.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStartingAndStoppingAgainAndAgainLeavesNothing(t *testing.T) {
	for range 10 {
		s := start(t, map[string]string{"SSE_PING_INTERVAL": "1ms", "VERSION_POLL_INTERVAL": "1ms", "SSE_HEARTBEAT_INTERVAL": "1ms"})
		if err := s.stop(); err != nil {
			t.Fatalf("stop: %v", err)
		}
	}
}
