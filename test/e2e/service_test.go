package e2e_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is one running "heliograph serve".
type service struct {
	addr   string // host:port of its listener
	url    string
	logs   *logs
	client *http.Client

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended; cmd.ProcessState is set then
}

// quick keeps a test's end short. Tests of the shutdown set their own.
const quick = "SHUTDOWN_GRACE_PERIOD=4s"

// versionless leaves the log empty: no version is known, so none is announced.
const versionless = "FRONTEND_VERSION_FILE=/does/not/exist.json"

// start runs the service on a free port, with these variables and no others
// but the harness's own, and waits until it listens. At the test's end it must
// stop cleanly, with a clean log.
func start(t *testing.T, env ...string) *service {
	t.Helper()
	s := launch(t, append([]string{"HTTP_ADDR=127.0.0.1:0", "LOG_LEVEL=debug", quick}, env...)...)
	eventually(t, "the service listens", func() bool {
		if s.hasExited() {
			t.Fatalf("the service ended with %s:\n%s", s.cmd.ProcessState, s.logs)
		}
		for _, r := range s.logs.records("listening") {
			s.addr, _ = r["addr"].(string)
		}
		return s.addr != ""
	})
	s.url = "http://" + s.addr
	return s
}

// environ is what every process gets. The race detector need not linger at its
// exit.
func environ() []string { return []string{"LOG_FORMAT=json", "GORACE=atexit_sleep_ms=0"} }

// launch starts the process. A later variable wins over an earlier one.
func launch(t *testing.T, env ...string) *service {
	t.Helper()
	s := &service{logs: &logs{}, exited: make(chan struct{})}
	s.client = &http.Client{Transport: &http.Transport{}, Timeout: patience}
	s.cmd = exec.Command(binary(t, "heliograph"), "serve")
	s.cmd.Env = append(environ(), env...)
	s.cmd.Stderr = s.logs
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // its status is in ProcessState
		close(s.exited)
	}()
	t.Cleanup(func() { s.end(t) })
	return s
}

// end is the test's last word: whatever it did, the service can be stopped.
func (s *service) end(t *testing.T) {
	s.client.CloseIdleConnections()
	if !s.hasExited() {
		s.terminate(t)
	}
	s.logs.mustBeClean(t)
	if t.Failed() {
		_, log, _ := strings.Cut(s.logs.String(), "listening") // before it, the wiring
		t.Logf("the service's log:\n%s", log[max(0, len(log)-20_000):])
	}
}

func (s *service) hasExited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// signal sends a signal to the process.
func (s *service) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("%s: %v", sig, err)
	}
}

// wait returns the exit status, once there is one; a process that does not end
// is killed.
func (s *service) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-s.exited:
	case <-time.After(2 * patience):
		t.Error("the service did not end")
		s.kill(t)
	}
	return s.cmd.ProcessState.ExitCode()
}

// terminate asks the service to stop and requires that it does so cleanly.
func (s *service) terminate(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	if status := s.wait(t); status != 0 {
		t.Errorf("after SIGTERM: exit status %d, want 0", status)
	}
}

// kill ends the process without a chance to do anything.
func (s *service) kill(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	<-s.exited
}

// heliograph runs another command of the binary to its end.
func heliograph(t *testing.T, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary(t, "heliograph"), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(environ(), env...), &out, &errs
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
