package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"heliograph/test/programs"
	"heliograph/test/sseclient"
	"heliograph/test/standin"
)

// gateway is the stand-in, as a process of its own.
type gateway struct {
	control *standin.Control
	url     string
}

// startGateway runs the stand-in until the test's end. It has no callback yet.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	cmd := exec.Command(programs.Raced(t, "heliograph/test/standin/cmd/standin"))
	errs := &logs{}
	cmd.Env, cmd.Stderr = environ(), errs
	in, out := programs.Start(t, cmd)
	var where struct{ Gateway, Control string }
	if err := json.NewDecoder(out).Decode(&where); err != nil {
		t.Errorf("the stand-in does not say where it is: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: waitLimit}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		_ = in.Close() // it ends with its standard input
		if err := cmd.Wait(); err != nil {
			t.Errorf("the stand-in: %v\n%s", err, errs)
		}
	})
	return &gateway{control: &standin.Control{URL: where.Control, Client: client}, url: where.Gateway}
}

// startWithGateway runs the service behind the stand-in.
func startWithGateway(t *testing.T, env ...string) (*service, *gateway) {
	t.Helper()
	g := startGateway(t)
	s := start(t, append([]string{"SSE_GATEWAY=http", "SSE_GATEWAY_URL=" + g.url, "FRONTEND_VERSION=1"}, env...)...)
	g.callback(t, s.url+"/api/sse/callback")
	t.Cleanup(func() { s.logs.mustBeClean(t, g.tokens(t)...) })
	return s, g
}

// tokens returns those of all streams so far. They are secrets of the backend.
func (g *gateway) tokens(t *testing.T) (tokens []string) {
	t.Helper()
	for _, c := range g.state(t).Callbacks {
		tokens = append(tokens, c.Token)
	}
	return tokens
}

func (g *gateway) callback(t *testing.T, url string) {
	t.Helper()
	if err := g.control.SetCallback(t.Context(), url); err != nil {
		t.Fatal(err)
	}
}

func (g *gateway) faults(t *testing.T, f standin.Faults) {
	t.Helper()
	if err := g.control.SetFaults(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func (g *gateway) away(t *testing.T, away bool) {
	t.Helper()
	if err := g.control.Away(t.Context(), away); err != nil {
		t.Fatal(err)
	}
}

func (g *gateway) state(t *testing.T) standin.State {
	t.Helper()
	state, err := g.control.State(context.WithoutCancel(t.Context())) // also asked in cleanups
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// stream opens a stream through the gateway and waits for what every new one
// gets (V1, T13).
func (g *gateway) stream(t *testing.T, requestID string) *stream {
	t.Helper()
	s := open(t, sseclient.New(g.url+"/any/path?request_id="+requestID))
	s.awaitNamed(t, "task_snapshot")
	s.awaitNamed(t, "version")
	return s
}

// callbacks returns those of one request_id, as "action reason status".
func (g *gateway) callbacks(t *testing.T, requestID string) (found []string) {
	t.Helper()
	for _, c := range g.state(t).Callbacks {
		if strings.HasSuffix(c.URL, "request_id="+requestID) {
			found = append(found, strings.Join(slices.DeleteFunc([]string{c.Action, c.Reason, http.StatusText(c.Status)},
				func(s string) bool { return s == "" }), " "))
		}
	}
	return found
}
