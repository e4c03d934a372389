package commandtasks

import "syscall"

// leader also dies when this process does, however that happens.
func leader() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
