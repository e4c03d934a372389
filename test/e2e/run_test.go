package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

func TestRunFollowsATaskToItsEnd(t *testing.T) {
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) { // behind an external gateway there is no stream to follow
		s := start(t)
		for _, c := range []struct {
			args         string
			status       int
			stdout, said string
		}{
			{"demo_task -p steps=2 -p delay=0.05 -p message=7", 0, `{"message":"7","steps_completed":2,"status":"success"}` + "\n", "heliograph: completed after "},
			{"failing_task -p error_message=no_disk", 1, "", "heliograph: failed: no_disk\n"},
			{`demo_task --params {"steps":-1}`, 2, "", "(INVALID_PARAMS)\n"},
			{"no_such_task", 2, "", "(UNKNOWN_TASK_TYPE)\n"},
			{"demo_task -p steps", 2, "", "want name=value\n"},
			{"demo_task --slowly", 2, "", "unknown flag"},
		} {
			args := append(append([]string{"run"}, strings.Fields(c.args)...), "--url", s.url)
			status, stdout, said := heliograph(t, nil, args...)
			if status != c.status || stdout != c.stdout || !strings.Contains(said, c.said) {
				t.Errorf("%s: exit status %d, %q, %s", c.args, status, stdout, said)
			}
		}
	})
}

func TestRunWithAKeyFollowsTheFirstTask(t *testing.T) { // T14
	t.Parallel()
	s := start(t)
	args := []string{"run", "demo_task", "-p", "delay=0", "--key", "k1", "--url", s.url}
	_, first, _ := heliograph(t, nil, append(args, "--detach")...)
	status, out, said := heliograph(t, nil, append(args, "--json")...)
	if task := decode[taskStatus](t, out); status != 0 || task.TaskID != strings.TrimSpace(first) || task.Status != "completed" {
		t.Errorf("started %s, then exit status %d, %s%s", first, status, out, said)
	}
}

// following is a "heliograph run" that runs.
type following struct {
	cmd  *exec.Cmd
	out  bytes.Buffer // complete when it has ended
	said logs
	id   string        // the task's
	exit chan struct{} // closed when it has ended
}

// follow runs a task without a terminal, and returns when it is started.
func (s *service) follow(t *testing.T, args ...string) *following {
	t.Helper()
	f := &following{exit: make(chan struct{})}
	f.cmd = exec.Command(binary(t), append(append([]string{"run"}, args...), "--url", s.url)...)
	f.cmd.Env, f.cmd.Stdout, f.cmd.Stderr = environ(), &f.out, &f.said
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(f.exit)
		_ = f.cmd.Wait() // its status is in ProcessState
	}()
	t.Cleanup(func() {
		_ = f.cmd.Process.Kill()
		<-f.exit
	})
	eventually(t, "the task is started", func() bool {
		_, rest, _ := strings.Cut(f.said.String(), "heliograph: task ")
		f.id, _, _ = strings.Cut(rest, " ")
		return strings.Contains(rest, "\n")
	})
	return f
}

// ends waits for an exit status.
func (f *following) ends(t *testing.T, status int) {
	t.Helper()
	await(t, "the end of heliograph run", f.exit)
	if got := f.cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("exit status %d, want %d: %s%s", got, status, &f.out, &f.said)
	}
}

func TestAnInterruptWithoutATerminalCancelsTheTask(t *testing.T) { // T7
	t.Parallel()
	s := start(t)
	f := s.follow(t, "long_running_task", "-p", "total_time=60")
	if err := f.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	f.ends(t, 3)
	if got := s.status(t, f.id); got.Status != "cancelled" {
		t.Errorf("the task is %s", got.Status)
	}
}

func TestRunSurvivesBrokenConnections(t *testing.T) { // G2
	t.Parallel()
	s := start(t)
	var connections atomic.Int64
	proxy := newCutter(t, s.addr, func() (after int64, reset bool) {
		return 2_000, connections.Add(1)%2 == 0 // the start, and some events
	})
	broken := &service{url: proxy.url()}
	f := broken.follow(t, "long_running_task", "-p", "total_time=3", "-p", "check_interval=0.05")
	f.ends(t, 0)
	if out := f.out.String(); out != `{"total_time":3,"status":"success"}`+"\n" || connections.Load() < 3 {
		t.Errorf("%d connections, then %q", connections.Load(), out)
	}
}

func TestRunEndsWhenTheServiceHasLostTheTask(t *testing.T) {
	t.Parallel()
	s := start(t)
	f := s.follow(t, "long_running_task", "-p", "total_time=60")
	s.kill(t)
	s.again(t)
	f.ends(t, 4)
	if said := f.said.String(); !strings.Contains(said, "lost sight of task "+f.id) {
		t.Errorf("it said %s", said)
	}
}
