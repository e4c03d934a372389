package main

import (
	"fmt"
	"strings"

	"heliograph/bootstrap"
)

// checkCommand is "heliograph check".
type checkCommand struct {
	File string `arg:"" help:"A file for TASKS_FILE."`
}

// Help is what --help says more.
func (checkCommand) Help() string {
	return `Every mistake is a line, with file and line, on standard error. Programs are looked for in this PATH, and TASK_CANCEL_GRACE and APP_ENV count as the service has them. Exit status: 0 or 1.`
}

// Run reads the file as the service would.
func (c checkCommand) Run(p *program) error {
	types, err := bootstrap.CheckTasksFile(c.File, p.environ, p.host)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s: good, with the task types %s\n", c.File, strings.Join(types, ", "))
	return err
}
