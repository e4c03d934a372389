package commandtasks_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"heliograph/domain/task"
)

// adopt makes orphans children of this process, as they are of a container's
// first one, until the test ends.
func adopt(t *testing.T) {
	t.Helper()
	set := func(on uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	set(1)
	t.Cleanup(func() { set(0) })
}

func pid(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRunLeavesNoProcessOfTheGroup(t *testing.T) {
	adopt(t)
	for name, script := range map[string]string{
		"ended by itself":                  `sh -c "sleep 3600 & sleep 3600 >/dev/null 2>&1 & wait" >/dev/null 2>&1 & echo $$`,
		"with a child on its output":       `sleep 3600 & echo $$`,
		"cancelled":                        `sh -c "sleep 3600; true" & echo $$; wait`,
		"cancelled, with a stubborn child": `sh -c "trap : TERM; while :; do sleep 3600; done" & echo $$; wait`,
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, handler(t, shell(script, `kill_after: 50ms`)), ``)
			group := pid(t, r.text(t))
			if strings.Contains(name, "cancelled") {
				r.cancel(task.ErrCancelled)
			}
			if _, err := r.end(t); (err != nil) != strings.Contains(name, "cancelled") {
				t.Errorf("Run: %v", err)
			}
			if err := syscall.Kill(-group, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the group is still there: %v", err)
			}
			if child, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
				t.Errorf("child %d was not reaped: %v", child, err)
			}
		})
	}
}

func TestDetachedChildDoesNotDelayTheTask(t *testing.T) {
	r := start(t, handler(t, shell(`setsid sleep 3600 & echo $!`, `kill_after: 50ms`)), ``)
	child := pid(t, r.text(t))
	t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) })
	if got, err := r.end(t); err != nil || got != nil {
		t.Errorf("Run = %s, %v", got, err)
	}
}

const helper = "COMMANDTASKS_TEST_HELPER"

func TestCommandsDieWithTheService(t *testing.T) {
	adopt(t)
	service := exec.Command(os.Args[0], "-test.run=^TestHelperRunsACommand$")
	service.Env = append(os.Environ(), helper+"=1") //nolint:forbidigo // for a copy of this process
	out, err := service.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	command := pid(t, strings.TrimSpace(line))
	if err := service.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = service.Wait() // it was killed
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(command, &status, 0, nil); err != nil || status.Signal() != syscall.SIGKILL {
		t.Errorf("the command's status is %v, %v", status, err)
	}
}

// TestHelperRunsACommand is the service in the test above.
func TestHelperRunsACommand(t *testing.T) {
	if os.Getenv(helper) == "" { //nolint:forbidigo // see above
		t.Skip("this is run by another test only")
	}
	r := start(t, handler(t, shell(`echo $$; exec sleep 3600`)), ``)
	_, _ = os.Stdout.WriteString(r.text(t) + "\n")
	<-r.returned
}
