package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"heliograph/test/conformance"
	"heliograph/test/freeport"
	"heliograph/test/programs"
	"heliograph/test/standin"
)

func TestMain(m *testing.M) { programs.Main(m, 32) }

// environ is what every process gets. The race detector need not linger at its
// exit.
func environ() []string { return []string{"LOG_FORMAT=json", "GORACE=atexit_sleep_ms=0"} }

func TestOurGateway(t *testing.T) {
	t.Parallel()
	conformance.Program(t, conformance.ProgramSubject{
		Command: []string{programs.Raced(t, programs.Heliograph), "gateway"},
		Env:     append(environ(), "SSE_DRAIN_SPREAD=0s", "SHUTDOWN_GRACE_PERIOD=5s"), Extended: true,
	})
}

// The stand-in is a gateway that shares nothing with ours: the suite was not
// made for ours alone.
func TestStandIn(t *testing.T) {
	t.Parallel()
	callback := "http://" + freeport.Addr(t) + "/hook?secret=s"
	configured, unconfigured := standIn(t, callback), standIn(t, "")
	conformance.Gateway(t, conformance.GatewaySubject{
		URL: configured.URL(), CallbackURL: callback, UnconfiguredURL: unconfigured.URL(),
	})
}

func standIn(t *testing.T, callback string) *standin.Server {
	t.Helper()
	g := standin.NewServer()
	g.SetCallback(callback)
	if err := g.Back(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = g.Away()
		g.Wait()
	})
	return g
}

func TestOurService(t *testing.T) {
	t.Parallel()
	addr, gateway := freeport.Addr(t), freeport.Addr(t)
	serve(t, "HTTP_ADDR="+addr, "SSE_GATEWAY=http", "SSE_GATEWAY_URL=http://"+gateway,
		"SSE_GATEWAY_SECRET=s3cret", "SSE_CALLBACK_SECRET=other", "FRONTEND_VERSION=1")
	var announced atomic.Int64
	conformance.Backend(t, conformance.BackendSubject{
		CallbackURL: "http://" + addr + "/api/sse/callback?secret=other",
		GatewayAddr: gateway, Secret: "s3cret",
		Rejected: "/any/path?request_id=task:1",
		Announce: func(t *testing.T) string {
			t.Helper()
			version := fmt.Sprintf("announced %d;", announced.Add(1))
			post(t, "http://"+addr+"/api/versions", fmt.Sprintf(`{"version":%q}`, version))
			return version
		},
		Resumes: true,
	})
}

// serve runs our service until the test's end, and waits until it is alive.
func serve(t *testing.T, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), programs.Raced(t, programs.Heliograph), "serve")
	cmd.Env = append(append(environ(), "SHUTDOWN_GRACE_PERIOD=3s"), env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the service's log:\n%s", log.Bytes()[max(0, log.Len()-10_000):])
		}
	})
	await(t, "http://"+strings.TrimPrefix(env[0], "HTTP_ADDR=")+"/healthz")
}

// await waits until a server answers.
func await(t *testing.T, url string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(waitLimit); ; {
		if resp, err := client.Get(url); err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited %s in vain for %s", waitLimit, url)
		}
	}
}

// waitLimit bounds every wait.
const waitLimit = 30 * time.Second

// client keeps no connection.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: waitLimit}

func post(t *testing.T, url, body string) {
	t.Helper()
	resp, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("%s: %s", body, resp.Status)
	}
}
