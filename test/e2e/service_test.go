package e2e_test

import (
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"heliograph/test/freeport"
)

// service is one running "heliograph serve", and the gateway before it if that
// is a process of its own.
type service struct {
	*process

	addr       string // host:port of its listener
	url        string
	streamAddr string // host:port where its streams are
	client     *http.Client
	gateway    *process // nil: embedded
	env        []string // what it was started with
	command    func(*testing.T) *exec.Cmd
	headers    []string // "Name: value", of every request and stream
}

// quick keeps a test's end short. Tests of the shutdown set their own.
const quick = "SHUTDOWN_GRACE_PERIOD=4s"

// versionless leaves the log empty: no version is known, so none is announced.
const versionless = "FRONTEND_VERSION_FILE=/does/not/exist.json"

// starter runs the service with these variables and no others but the harness's
// own, and waits until it listens.
type starter func(t *testing.T, env ...string) *service

// withEachGateway runs a test with the embedded gateway, and with ours as a
// process of its own: a client cannot tell which.
func withEachGateway(t *testing.T, test func(t *testing.T, start starter)) {
	t.Helper()
	for name, start := range map[string]starter{"embedded": start, "external": startExternal} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start)
		})
	}
}

// start is the starter with the embedded gateway, on a free port.
func start(t *testing.T, env ...string) *service {
	t.Helper()
	return startAs(t, func(t *testing.T) *exec.Cmd { return exec.Command(binary(t), "serve") }, env...)
}

// startAs is start for a command that is made otherwise.
func startAs(t *testing.T, command func(*testing.T) *exec.Cmd, env ...string) *service {
	t.Helper()
	_, _ = router() // here: to read it takes as long as some tests' credentials last, on a slow machine
	s := &service{command: command, env: slices.Concat([]string{"HTTP_ADDR=127.0.0.1:0", "LOG_LEVEL=debug", quick}, env)}
	s.client = &http.Client{Transport: &http.Transport{}, Timeout: waitLimit}
	s.serve(t)
	t.Cleanup(s.client.CloseIdleConnections)
	s.streamAddr = s.addr
	return s
}

// serve launches the process.
func (s *service) serve(t *testing.T) {
	t.Helper()
	s.process = launchCmd(t, s.command(t), "serve", s.env...)
	s.addr = s.awaitAddr(t)
	s.url = "http://" + s.addr
}

// startExternal is the starter with a gateway in a process of its own.
func startExternal(t *testing.T, env ...string) *service {
	t.Helper()
	addr, gateway := freeport.Addr(t), freeport.Addr(t)
	role := launch(t, "gateway", roleEnv(addr, gateway, env)...)
	role.awaitAddr(t)
	s := start(t, append([]string{"HTTP_ADDR=" + addr, "SSE_GATEWAY=http", "SSE_GATEWAY_URL=http://" + gateway}, env...)...)
	s.gateway, s.streamAddr = role, gateway
	return s
}

// roleEnv is the environment of a gateway: of the service's, what it knows, too.
func roleEnv(service, gateway string, env []string) []string {
	_, port, _ := net.SplitHostPort(gateway)
	role := []string{"PORT=" + port, "CALLBACK_URL=http://" + service + "/api/sse/callback", quick}
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		if slices.Contains([]string{"SSE_EVENT_FORMAT", "SSE_HISTORY_BYTES", "SSE_DRAIN_SPREAD", "SHUTDOWN_GRACE_PERIOD"}, name) {
			role = append(role, e)
		}
	}
	return role
}

// again starts the service anew where it was, after it has ended.
func (s *service) again(t *testing.T) {
	t.Helper()
	s.env = append(s.env, "HTTP_ADDR="+s.addr)
	s.serve(t)
}
