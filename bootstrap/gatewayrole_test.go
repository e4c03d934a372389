package bootstrap_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heliograph/bootstrap"
	"heliograph/test/sseclient"
)

func loadRole(t *testing.T, environ map[string]string) bootstrap.GatewayRoleConfig {
	t.Helper()
	cfg, ignored, err := bootstrap.LoadGatewayRole(environ, nowhere)
	if err != nil || ignored != nil {
		t.Fatalf("%v, ignored %v", err, ignored)
	}
	return cfg
}

func TestGatewayRoleDefaultsAreThoseOfTheProtocol(t *testing.T) { // gateway-protocol, "Configuration"
	want := bootstrap.GatewayRoleConfig{
		Port: 3000, HeartbeatSeconds: 15, Extensions: "all", ShutdownGrace: 30 * time.Second, Log: bootstrap.LogConfig{Level: "info", Format: "json"},
		Stream: bootstrap.GatewayRoleStreamConfig{Format: "named", History: 16 << 20, DrainSpread: 10 * time.Second, Transport: "auto"},
	}
	if diff := cmp.Diff(want, loadRole(t, nil), cmpopts.IgnoreUnexported(bootstrap.GatewayRoleConfig{})); diff != "" {
		t.Errorf("without any variable (-want +got):\n%s", diff)
	}
}

func TestEveryVariableOfTheGatewayRoleIsRead(t *testing.T) {
	environ := map[string]string{
		"PORT": "4000", "CALLBACK_URL": "http://b/cb?secret=s3cret", "HEARTBEAT_INTERVAL_SECONDS": "1", "INTERNAL_ADDR": "127.0.0.1:1",
		"INTERNAL_SECRET": "s3cret", "GATEWAY_EXTENSIONS": "none", "SSE_EVENT_FORMAT": "envelope", "SSE_HISTORY_BYTES": "1MiB", "SSE_MAX_CONNECTIONS": "5",
		"SSE_DRAIN_SPREAD": "6s", "SSE_TRANSPORT": "portable", "SHUTDOWN_GRACE_PERIOD": "7s", "LOG_LEVEL": "debug", "LOG_FORMAT": "text",
	}
	want := maps.Clone(environ)
	want["CALLBACK_URL"], want["INTERNAL_SECRET"] = "http://b/cb?[redacted]", "[redacted]"
	got := map[string]string{}
	for _, s := range loadRole(t, environ).Settings() {
		got[s.Name] = s.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-set +in force):\n%s", diff)
	}
}

func TestMistakesOfTheGatewayRoleNameTheirVariable(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"PORT", "http", `PORT: "http" is not a whole number`},
		{"PORT", "-1", `PORT: -1 must be 0 to 65535`},
		{"PORT", "65536", `PORT: 65536 must be 0 to 65535`},
		{"CALLBACK_URL", "localhost:8080?s3cret", `CALLBACK_URL: "localhost:8080?[redacted]" is not an http:// or https:// URL`},
		{"INTERNAL_ADDR", "4000", `INTERNAL_ADDR: "4000" is not host:port, such as :8080`},
		{"GATEWAY_EXTENSIONS", "some", `GATEWAY_EXTENSIONS: "some" is none of ["all" "none"]`},
		{"SSE_EVENT_FORMAT", "xml", `SSE_EVENT_FORMAT: "xml" is none of ["named" "envelope"]`},
		{"SSE_HISTORY_BYTES", "1KiB", `SSE_HISTORY_BYTES: 1KiB must be at least 64KiB`},
		{"SHUTDOWN_GRACE_PERIOD", "0s", `SHUTDOWN_GRACE_PERIOD: 0s must be more than 0`},
		{"LOG_LEVEL", "loud", `LOG_LEVEL: "loud" is none of ["debug" "info" "warn" "error"]`},
	} {
		if _, _, err := bootstrap.LoadGatewayRole(map[string]string{c.name: c.value}, nowhere); err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.want)
		}
	}
}

func TestBadHeartbeatIsReportedAndTheDefaultUsed(t *testing.T) { // gateway-protocol, "Configuration"
	for _, value := range []string{"0", "-1", "1.5", "15s", "often", "86401"} {
		cfg, ignored, err := bootstrap.LoadGatewayRole(map[string]string{"HEARTBEAT_INTERVAL_SECONDS": value}, nowhere)
		if err != nil || cfg.HeartbeatSeconds != 15 || ignored == nil || !strings.Contains(ignored.Error(), "HEARTBEAT_INTERVAL_SECONDS") {
			t.Errorf("%s: %d, %v, ignored %v", value, cfg.HeartbeatSeconds, err, ignored)
		}
	}
}

// role is a gateway role that runs, and its log.
type role struct {
	service

	mu  sync.Mutex
	log bytes.Buffer // guarded by mu
}

func (r *role) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

// internal is where the backend's endpoints are.
func (r *role) internal(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range strings.Lines(r.log.String()) {
		var record struct{ For, Addr string }
		if json.Unmarshal([]byte(line), &record) == nil && record.For == "INTERNAL_ADDR" {
			return "http://" + record.Addr
		}
	}
	t.Fatalf("no internal address in the log:\n%s", &r.log)
	return ""
}

func startRole(t *testing.T, environ map[string]string) *role {
	t.Helper()
	all := map[string]string{"PORT": "0"}
	maps.Copy(all, environ)
	r := &role{}
	app, err := bootstrap.NewGatewayRole(loadRole(t, all), slog.New(slog.NewJSONHandler(r, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	addr, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- app.Run(ctx, func(a net.Addr) { addr <- a }) }()
	select {
	case err := <-ended:
		cancel()
		t.Fatalf("did not start: %v", err)
	case a := <-addr:
		r.service = service{url: fmt.Sprint("http://localhost:", a.(*net.TCPAddr).Port), stop: func() error {
			cancel()
			return <-ended
		}}
	}
	return r
}

func TestGatewayRoleServesItsBackendAndSendsItsStreamsAway(t *testing.T) { // gateway-protocol, G8
	callbacks := make(chan string, 100)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct{ Action, Reason string }
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &body)
		callbacks <- strings.TrimSpace(body.Action + " " + body.Reason)
	}))
	defer backend.Close()
	for name, environ := range map[string]map[string]string{
		"one address": {}, "two addresses": {"INTERNAL_ADDR": "127.0.0.1:0"}, "portable": {"SSE_TRANSPORT": "portable"},
	} {
		t.Run(name, func(t *testing.T) {
			environ["CALLBACK_URL"], environ["SSE_DRAIN_SPREAD"] = backend.URL, "1s"
			r := startRole(t, environ)
			internal := r.url
			if environ["INTERNAL_ADDR"] != "" {
				internal = r.internal(t)
				if status, body := get(t, internal+"/metrics"); status != http.StatusOK || !strings.Contains(body, "heliograph_streams_open 0") {
					t.Errorf("metrics: %d %s", status, body)
				}
			}
			const streams = 20
			var all []*sseclient.Stream
			for range streams {
				s, err := sseclient.New(r.url + "/any/path").Connect(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				all = append(all, s)
			}
			want := fmt.Sprintf(`{"status":"ok","delivered":%d,"unknown":[]}`, streams)
			if status, body := ask(t, http.MethodPost, internal+"/internal/broadcast", `{"event":{"data":"x"}}`); status != http.StatusOK || body != want {
				t.Errorf("broadcast: %d %s, want %s", status, body, want)
			}
			if err := r.stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
			for _, s := range all {
				<-s.Done()
				if items := s.Items(); len(items) != 2 || items[0].Event.Data != "x" || items[1].Kind != sseclient.KindRetry || !s.EndedCleanly() {
					t.Errorf("a stream got %+v and ended with %v; want x, a retry and the end", items, s.Err())
				}
			}
			seen := map[string]int{}
			for len(callbacks) > 0 {
				seen[<-callbacks]++
			}
			if diff := cmp.Diff(map[string]int{"connect": streams, "disconnect server_closed": streams}, seen); diff != "" {
				t.Errorf("callbacks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTakenAddressOfTheGatewayRoleFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	app, err := bootstrap.NewGatewayRole(loadRole(t, map[string]string{"PORT": "0", "INTERNAL_ADDR": taken.Addr().String()}), silent)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(t.Context(), func(net.Addr) {}); err == nil || !strings.Contains(err.Error(), "INTERNAL_ADDR: ") {
		t.Errorf("run: %v, want INTERNAL_ADDR to be named", err)
	}
}
