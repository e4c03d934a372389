//go:build !unix

package commandtasks

import "os/exec"

// lead does nothing: without process groups only the program itself is ended.
func lead(*exec.Cmd) {}

func killGroup(int) {}
