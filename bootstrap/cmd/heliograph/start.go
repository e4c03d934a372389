package main

import (
	"context"

	"heliograph/domain/task"
)

// startCommand is "heliograph start".
type startCommand struct {
	Type  string   `arg:"" help:"The task's type; heliograph types --list lists them."`
	Pairs []string `arg:"" optional:"" name:"name=value" help:"Params, as with -p."`
	startFlags

	Wait bool `help:"Follow the task to its end, as heliograph run does, with its output and its exit status."`
	JSON bool `name:"json" help:"Print an object with task_id and status; with --wait all that is known of the ended task."`
}

// Help is what --help says more.
func (startCommand) Help() string {
	return `The task's ID goes to standard output. Examples:

  heliograph start demo_task steps=20 message=hello
  heliograph start import --params @import.json --label order=4711
  jq -n '{steps: 3}' | heliograph start demo_task --params - --wait
  heliograph start report --delay 2h --key report-2026-01-02

Exit status: 0 started, 2 refused or bad usage, 4 the service cannot be reached or takes no task; with --wait those of heliograph run.`
}

// Run starts the task.
func (c startCommand) Run(ctx context.Context, p *program) error {
	o := c.options()
	o.Type, o.Pairs, o.JSON, o.Detach = c.Type, append(c.Pairs, c.Param...), c.JSON, !c.Wait
	return p.follow(ctx, o)
}

// retryCommand is "heliograph retry".
type retryCommand struct {
	ID string `arg:"" help:"The ended task's ID."`
	startFlags

	Wait bool `help:"Follow the new task to its end, as heliograph run does, with its output and its exit status."`
	JSON bool `name:"json" help:"Print an object with task_id and status; with --wait all that is known of the ended task."`
}

// Help is what --help says more.
func (retryCommand) Help() string {
	return `Starts a new task with the type, the params and the labels of one that has ended. -p changes some of the params, --params all; --label adds or changes a label. Its audience is that of any start. The new task's ID goes to standard output. Examples:

  heliograph retry 0b0e7a52-53c5-4d1a-9d0b-5f8f3f1c2a77
  heliograph retry 0b0e7a52-53c5-4d1a-9d0b-5f8f3f1c2a77 -p steps=5 --wait

A task whose type hides its params needs --params. With the same --key a second call starts nothing.

Exit status: 0 started, 2 not there, not ended, refused or bad usage, 4 the service cannot be reached or takes no task; with --wait those of heliograph run.`
}

// Run starts the new task.
func (c retryCommand) Run(ctx context.Context, p *program) error {
	o := c.options()
	o.Retry, o.JSON, o.Detach = task.ID(c.ID), c.JSON, !c.Wait
	return p.follow(ctx, o)
}
