package conformance

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heliograph/test/freeport"
)

// ProgramSubject is a gateway that the suite starts itself.
type ProgramSubject struct {
	// Command is the program and its arguments.
	Command []string
	// Env is what it needs beside the variables of the protocol.
	Env []string
	// Extended says that it knows our variables, too: SSE_EVENT_FORMAT,
	// INTERNAL_ADDR and INTERNAL_SECRET, and has all extensions.
	Extended bool
	// Format is the event format that it writes unless SSE_EVENT_FORMAT says another; "" is
	// FormatNamed. The newer generation of the Node.js gateway writes FormatEnvelope.
	Format Format
}

// Program runs the suite for the configuration of gateways, and in each
// configuration the suite for gateways.
func Program(t *testing.T, subject ProgramSubject) {
	t.Helper()
	for _, s := range configurationSentences {
		t.Run(s.text, func(t *testing.T) {
			t.Parallel()
			s.prove(t, subject)
		})
	}
	subject.everyFormat(t)
}

// everyFormat runs the suite for gateways in each configuration.
func (s ProgramSubject) everyFormat(t *testing.T) {
	t.Helper()
	t.Run("as it comes", func(t *testing.T) {
		t.Parallel()
		s.runSuite(t, GatewaySubject{Format: s.Format})
	})
	if !s.Extended {
		return
	}
	t.Run("envelope, INTERNAL_SECRET", func(t *testing.T) {
		t.Parallel()
		s.runSuite(t, GatewaySubject{Format: FormatEnvelope, Secret: "s3cret of the backend"})
	})
	t.Run("named, INTERNAL_ADDR, INTERNAL_SECRET", func(t *testing.T) {
		t.Parallel()
		s.runSuite(t, GatewaySubject{Format: FormatNamed, InternalURL: "http://" + freeport.Addr(t), Secret: "0ther"})
	})
}

// runSuite starts the program so that it is g, and runs the suite for gateways.
func (s ProgramSubject) runSuite(t *testing.T, g GatewaySubject) {
	t.Helper()
	g.CallbackURL = "http://" + freeport.Addr(t) + "/hook?secret=s"
	g.Heartbeat = time.Second
	env := []string{"CALLBACK_URL=" + g.CallbackURL, "HEARTBEAT_INTERVAL_SECONDS=1"}
	if g.InternalURL != "" {
		env = append(env, "INTERNAL_ADDR="+strings.TrimPrefix(g.InternalURL, "http://"))
	}
	if g.Secret != "" {
		env = append(env, "INTERNAL_SECRET="+g.Secret)
	}
	var format []string
	if g.Format != "" {
		format = append(format, "SSE_EVENT_FORMAT="+string(g.Format))
	}
	if s.Extended {
		g.MaxBody, g.Capabilities = 1<<20, []string{"broadcast", "event-id", "connections"}
	}
	g.URL, g.UnconfiguredURL = s.start(t, append(env, format...)...).url, s.start(t, format...).url
	Gateway(t, g)
}

// process is a running program.
type process struct {
	url    string
	output *output
	ended  chan struct{} // closed when it has
	cmd    *exec.Cmd
}

// start runs the program until the test's end, and waits until it is alive.
func (s ProgramSubject) start(t *testing.T, env ...string) *process {
	t.Helper()
	addr := freeport.Addr(t)
	p := s.launch(t, append(env, "PORT="+portOf(addr))...)
	p.url = "http://" + addr
	eventually(t, "the gateway is alive", func() bool {
		if p.hasEnded() {
			t.Fatalf("the gateway ended with %s: %s", p.cmd.ProcessState, p.output)
		}
		return alive(t, p.url)
	})
	return p
}

// launch runs the program until the test's end.
func (s ProgramSubject) launch(t *testing.T, env ...string) *process {
	t.Helper()
	p := &process{output: &output{}, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), s.Command[0], s.Command[1:]...) //nolint:gosec // the test's own
	p.cmd.Env = slices.Concat(s.Env, env)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its status is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop ends the process, by force if it takes too long.
func (p *process) stop(t *testing.T) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(waitLimit):
		_ = p.cmd.Process.Kill()
		<-p.ended
		t.Error("the gateway does not end on SIGTERM")
	}
	if t.Failed() {
		text := p.output.String()
		t.Logf("the gateway's output:\n%s", text[max(0, len(text)-10_000):])
	}
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// alive asks a gateway for its health, on a connection of its own.
func alive(t *testing.T, url string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// output collects what a process says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all that was said so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// exitStatus waits for the end.
func (p *process) exitStatus(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(waitLimit):
		t.Fatal(errors.New("the gateway does not end"))
	}
	return p.cmd.ProcessState.ExitCode()
}
