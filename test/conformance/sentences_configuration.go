package conformance

import (
	"strings"
	"testing"

	"heliograph/test/freeport"
)

// configurationSentences are of "Configuration of the gateway role".
var configurationSentences = []struct {
	text  string
	prove func(t *testing.T, s ProgramSubject)
}{
	{"PORT (default 3000)", func(t *testing.T, s ProgramSubject) {
		p := s.launch(t)
		eventually(t, "it listens on port 3000, or says that it cannot", func() bool {
			return alive(t, "http://127.0.0.1:3000") || p.hasEnded() && strings.Contains(p.output.String(), "3000")
		})
	}},
	{"CALLBACK_URL", func(t *testing.T, s ProgramSubject) {
		addr := freeport.Addr(t)
		g := newGateway(t, GatewaySubject{URL: s.start(t, "CALLBACK_URL=http://"+addr+"/a?b=c").url, CallbackURL: "http://" + addr})
		g.backend = serveCallbacks(t, g.GatewaySubject)
		if c := g.backend.await(t, g.stream(t).key, "connect"); c.post.RequestURI != "/a?b=c" {
			t.Errorf("the callback goes to %s", c.post.RequestURI)
		}
	}},
	{"HEARTBEAT_INTERVAL_SECONDS (default 15, at least 1)", func(t *testing.T, s ProgramSubject) {
		for _, env := range []string{"HEARTBEAT_INTERVAL_SECONDS=1", "HEARTBEAT_INTERVAL_SECONDS=15"} {
			if p := s.start(t, env); strings.Contains(p.output.String(), "HEARTBEAT_INTERVAL_SECONDS") {
				t.Errorf("%s: %s", env, p.output)
			}
		}
	}},
	{"A bad PORT is a clear error and exit status 1", func(t *testing.T, s ProgramSubject) {
		for _, port := range []string{"x", "-1", "70000", "80.5", "3000x"} {
			p := s.launch(t, "PORT="+port)
			if status := p.exitStatus(t); status != 1 || !strings.Contains(p.output.String(), "PORT") {
				t.Errorf("PORT=%s: exit status %d: %s", port, status, p.output)
			}
		}
	}},
	{"a bad heartbeat interval is a logged error and the default, as in the original", func(t *testing.T, s ProgramSubject) {
		for _, interval := range []string{"x", "0", "-5", "1e9x"} {
			p := s.start(t, "HEARTBEAT_INTERVAL_SECONDS="+interval)
			if !strings.Contains(p.output.String(), "HEARTBEAT_INTERVAL_SECONDS") {
				t.Errorf("%q is not complained of: %s", interval, p.output)
			}
		}
	}},
}
