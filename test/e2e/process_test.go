package e2e_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is one running command of the binary that runs until it is stopped.
type process struct {
	command string
	logs    *logs
	cmd     *exec.Cmd
	exited  chan struct{} // closed when it has ended; cmd.ProcessState is set then
	silent  bool          // its log does not help to explain a failure
}

// environ is what every process gets. The race detector need not linger at its
// exit.
func environ() []string { return []string{"LOG_FORMAT=json", "GORACE=atexit_sleep_ms=0"} }

// launch starts a command. A later variable wins over an earlier one. At the
// test's end it must stop cleanly, with a clean log.
func launch(t *testing.T, command string, env ...string) *process {
	t.Helper()
	return launchCmd(t, exec.Command(binary(t), command), command, env...)
}

// launchCmd is launch for a command that was made otherwise.
func launchCmd(t *testing.T, cmd *exec.Cmd, command string, env ...string) *process {
	t.Helper()
	cmd.Env = append(environ(), env...)
	return launchAsIs(t, cmd, command)
}

// launchAsIs is launchCmd for a command that has its environment.
func launchAsIs(t *testing.T, cmd *exec.Cmd, command string) *process {
	t.Helper()
	p := &process{command: command, cmd: cmd, logs: &logs{}, exited: make(chan struct{})}
	p.cmd.Stderr = p.logs
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its status is in ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() { p.end(t) })
	return p
}

// awaitAddr waits until the process listens, and returns where.
func (p *process) awaitAddr(t *testing.T) (addr string) {
	t.Helper()
	eventually(t, p.command+" listens", func() bool {
		if p.hasExited() {
			t.Fatalf("%s ended with %s:\n%s", p.command, p.cmd.ProcessState, p.logs)
		}
		for _, r := range p.logs.records("listening") {
			addr, _ = r["addr"].(string)
		}
		return addr != ""
	})
	return addr
}

// end is the test's last word: whatever it did, the process can be stopped.
func (p *process) end(t *testing.T) {
	if !p.hasExited() {
		p.terminate(t)
	}
	p.logs.mustBeClean(t)
	if t.Failed() && !p.silent {
		_, log, _ := strings.Cut(p.logs.String(), "listening") // before it, the wiring
		t.Logf("the log of %s:\n%s", p.command, log[max(0, len(log)-20_000):])
	}
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// signal sends a signal to the process.
func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("%s: %v", sig, err)
	}
}

// wait returns the exit status, once there is one; a process that does not end
// is killed.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(2 * waitLimit):
		t.Errorf("%s did not end", p.command)
		p.kill(t)
	}
	return p.cmd.ProcessState.ExitCode()
}

// terminate asks the process to stop and requires that it does so cleanly.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if status := p.wait(t); status != 0 {
		t.Errorf("%s after SIGTERM: exit status %d, want 0", p.command, status)
	}
}

// kill ends the process without a chance to do anything.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGKILL)
	<-p.exited
}

// heliograph runs another command of the binary to its end.
func heliograph(t *testing.T, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(environ(), env...), &out, &errs
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
