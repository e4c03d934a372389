//go:build unix

package commandtasks

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// lead makes cmd the leader of a process group, which is asked to stop when the
// command's context ends.
func lead(cmd *exec.Cmd) {
	cmd.SysProcAttr = leader()
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}

// killGroup kills what is left of a group whose leader is gone, and reaps those
// that became our children by that, as they do when we are a container's first
// process. The group's ID is not used again while a process of it is left, and
// long after that, since the kernel assigns IDs in turn.
func killGroup(pid int) {
	if syscall.Kill(-pid, syscall.SIGKILL) != nil {
		return // no process of the group is left
	}
	for {
		if _, err := syscall.Wait4(-pid, nil, 0, nil); err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}
