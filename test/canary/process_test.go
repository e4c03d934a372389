package canary_test

import (
	"context"
	"net/http"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"heliograph/test/logs"
)

// waitLimit is how long anything may take before the test fails: long, since machines
// that run tests are busy.
const waitLimit = 2 * time.Minute

// process is a program that runs until it is stopped or killed.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	log    *logs.Logs
}

// start runs a program, whose log goes to log. It is killed at the test's end at the
// latest.
func start(t *testing.T, log *logs.Logs, path, command string, env ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, command), exited: make(chan struct{}), log: log}
	p.cmd.Env = append([]string{"LOG_FORMAT=json", "LOG_LEVEL=debug", "GORACE=atexit_sleep_ms=0"}, env...)
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended does not matter: most are killed
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process without a chance to do anything. It may be called twice.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-p.exited
}

// awaitReady waits until the service at the address is ready.
func awaitReady(t *testing.T, address string) {
	t.Helper()
	await(t, address+" is ready", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/readyz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// await waits until something holds, and fails the test with more of the case if it does not.
func await(t *testing.T, what string, holds func() bool, details ...func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			for _, detail := range details {
				t.Log(detail())
			}
			t.Fatalf("not in time: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
