//go:build unix && !linux

package commandtasks

import "syscall"

func leader() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
