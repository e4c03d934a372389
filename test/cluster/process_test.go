package cluster_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is what to run.
type program struct {
	name      string
	argv, env []string
	tail      int // how many lines of its log are shown when the test has failed
}

// process is a program that is started again whenever it ends, unless it was
// taken down. Its log is a file, which go test -artifacts keeps.
type process struct {
	program

	log     string
	turn    sync.Mutex // held by the fault that is applied to it
	running sync.WaitGroup

	mu     sync.Mutex
	cmd    *exec.Cmd     // guarded by mu
	exited chan struct{} // closed when cmd has ended; guarded by mu
	down   bool          // guarded by mu
	since  int           // where cmd's part of the log begins; guarded by mu
	falls  []string      // how it ended by itself after it had served; guarded by mu
}

// launch starts a program that runs until the test ends, and must then end cleanly.
func launch(t *testing.T, what program) *process {
	t.Helper()
	p := &process{program: what, log: filepath.Join(t.ArtifactDir(), what.name+".log")}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if status := p.terminate(); status != 0 {
			t.Errorf("%s after SIGTERM: exit status %d, want 0", p.name, status)
		}
		p.running.Wait()
		p.checkLog(t)
	})
	return p
}

// checkLog looks for what no program may log.
func (p *process) checkLog(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Error(err)
	}
	for _, never := range []string{"DATA RACE", "panic:"} {
		if at := bytes.Index(text, []byte(never)); at >= 0 {
			t.Errorf("the log of %s: %.5000s", p.name, text[at:])
		}
	}
	if t.Failed() && p.tail > 0 {
		t.Logf("the end of %s:\n%s", p.log, tail(text, p.tail))
	}
}

// tail returns the last lines of text, without what is too long in them.
func tail(text []byte, most int) []byte {
	const longest = 300
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	lines = lines[max(0, len(lines)-most):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), longest)]
	}
	return bytes.Join(lines, []byte("\n"))
}

// start has the process run again after it was taken down.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
	return p.startLocked()
}

func (p *process) startLocked() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	info, err := log.Stat()
	if err != nil {
		return err
	}
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	exited := make(chan struct{})
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.exited, p.since = cmd, exited, int(info.Size())
	p.running.Go(func() { p.watch(cmd, exited) })
	return nil
}

// restartPause is what an orchestrator would wait before it starts a process again.
const restartPause = 500 * time.Millisecond

// watch waits for the end of a process, and starts another unless the test ended it.
func (p *process) watch(cmd *exec.Cmd, exited chan struct{}) {
	_ = cmd.Wait() // its status is in ProcessState
	byItself := p.note(cmd.ProcessState.String())
	close(exited) // from here on another may be started
	if !byItself {
		return
	}
	timer := time.NewTimer(restartPause)
	<-timer.C
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.down && p.cmd == cmd {
		_ = p.startLocked() // it has started before
	}
}

// note reports whether the process has ended by itself, and keeps how if that is a
// fall: one that cannot serve yet, because it reaches no other node, may end.
func (p *process) note(how string) (byItself bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return false
	}
	if text, _ := os.ReadFile(p.log); bytes.Contains(text[min(p.since, len(text)):], []byte(`"msg":"listening"`)) {
		p.falls = append(p.falls, how)
	}
	return true
}

// signal sends a signal to the process, if it runs.
func (p *process) signal(sig os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Signal(sig)
}

// takeDown ends the process with a signal, for good, and returns its exit status.
// One that does not end is killed.
func (p *process) takeDown(sig os.Signal) int {
	p.mu.Lock()
	p.down = true
	cmd, exited := p.cmd, p.exited
	p.mu.Unlock()
	if err := cmd.Process.Signal(sig); errors.Is(err, os.ErrProcessDone) {
		<-exited
		return 0 // it ended by itself; falls counts that
	}
	select {
	case <-exited:
	case <-time.After(waitLimit):
		_ = cmd.Process.Kill()
		<-exited
	}
	return cmd.ProcessState.ExitCode()
}

func (p *process) kill() { p.takeDown(syscall.SIGKILL) }

func (p *process) terminate() int { return p.takeDown(syscall.SIGTERM) }

// fallen says how the process ended by itself, each time that it did.
func (p *process) fallen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.falls
}
