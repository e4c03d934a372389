package main

import (
	"context"

	"heliograph/adapters/inbound/managecli"
	"heliograph/adapters/inbound/taskcli"
	"heliograph/domain/task"
)

// selectionFlags select tasks.
type selectionFlags struct {
	Status string   `short:"s" placeholder:"STATUS" complete:"pending,running,completed,failed,cancelled" help:"Only tasks that are pending, running, completed, failed or cancelled."`
	Type   string   `short:"t" placeholder:"TYPE" help:"Only tasks of this type."`
	Label  []string `short:"l" placeholder:"KEY=VALUE" sep:"none" help:"Only tasks with this label. Repeatable: all must be there."`
}

func (f selectionFlags) selection() managecli.Selection {
	return managecli.Selection{Status: f.Status, Type: f.Type, Labels: f.Label}
}

// tasksCommand is "heliograph tasks".
type tasksCommand struct {
	serviceFlags
	selectionFlags

	Since string `placeholder:"WHEN" help:"Only tasks that were started since: a span such as 90s, 2h or 7d, or a time such as 2026-01-02T15:04:05Z."`
	Limit int    `short:"n" default:"50" help:"How many at most (${default})."`
	All   bool   `short:"a" help:"All, however many."`
	JSON  bool   `name:"json" help:"Print a line of JSON for each task, as GET /api/tasks has it."`
}

// Help is what --help says more.
func (tasksCommand) Help() string {
	return `Lists tasks, the newest first. Examples:

  heliograph tasks --status failed --since 2h
  heliograph tasks --type import --label order=4711
  heliograph tasks --all --json | jq -r 'select(.attempt > 1) | .task_id'

Exit status: 0 listed, 1 standard output takes nothing, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run lists the tasks.
func (c tasksCommand) Run(ctx context.Context, p *program) error {
	limit := max(c.Limit, 1)
	if c.All {
		limit = 0
	}
	return p.onService(func(t terminal) int {
		return managecli.List(ctx, c.service(), managecli.ListOptions{Selection: c.selection(), Since: c.Since, Limit: limit, JSON: c.JSON}, t)
	})
}

// taskCommand is "heliograph task".
type taskCommand struct {
	ID string `arg:"" help:"The task's ID."`
	serviceFlags

	Follow bool `short:"f" help:"Follow the task to its end, as heliograph run does, with its exit status; with --output, print what it prints until then."`
	Output bool `short:"o" help:"Print what the task has printed, as it is, and nothing else."`
	JSON   bool `name:"json" xor:"how" help:"Print what GET /api/tasks/ID?include=params answers, as a line; with --follow, all that is known of the ended task."`
}

// Help is what --help says more.
func (taskCommand) Help() string {
	return `Shows all that is known of a task: labels, times, progress, attempt, error, params, result, and the end of its output. Examples:

  heliograph task 0b0e7a52-53c5-4d1a-9d0b-5f8f3f1c2a77
  heliograph task 0b0e7a52-53c5-4d1a-9d0b-5f8f3f1c2a77 --json | jq .params
  heliograph task 0b0e7a52-53c5-4d1a-9d0b-5f8f3f1c2a77 --output --follow

Exit status: 0 shown, 1 the task is not there or some of its output is gone, 2 refused or bad usage, 4 the service cannot be reached; with --follow the task's outcome, as heliograph run has it. Ctrl-C leaves (130), and the task goes on.`
}

// Run shows the task.
func (c taskCommand) Run(ctx context.Context, p *program) error {
	if c.Output {
		ctx, stop := untilInterrupt(ctx)
		defer stop()
		return p.onService(func(t terminal) int {
			status := managecli.Output(ctx, c.service(), c.ID, c.Follow, t)
			if ctx.Err() != nil {
				return taskcli.Left
			}
			return status
		})
	}
	if c.Follow {
		return p.follow(ctx, taskcli.Options{URL: c.URL, Token: c.Token, Attach: task.ID(c.ID), JSON: c.JSON})
	}
	return p.onService(func(t terminal) int { return managecli.Show(ctx, c.service(), c.ID, c.JSON, t) })
}

// cancelCommand is "heliograph cancel".
type cancelCommand struct {
	IDs []string `arg:"" optional:"" name:"id" help:"The tasks' IDs."`
	serviceFlags
	selectionFlags

	JSON bool `name:"json" help:"Print a line of JSON for each ID, with task_id and ok; for a selection, an object with how many were cancelled."`
}

// Help is what --help says more.
func (cancelCommand) Help() string {
	return `Cancels tasks by their IDs, or all unfinished ones that --status, --type and --label select. Those that run are asked to stop. Examples:

  heliograph cancel 0b0e7a52-53c5-4d1a-9d0b-5f8f3f1c2a77
  heliograph cancel --type import --status pending

Exit status: 0 cancelled, 1 a task is not there or has ended already, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run cancels the tasks.
func (c cancelCommand) Run(ctx context.Context, p *program) error {
	return p.onService(func(t terminal) int {
		return managecli.Cancel(ctx, c.service(), managecli.CancelOptions{IDs: c.IDs, Selection: c.selection(), JSON: c.JSON}, t)
	})
}

// removeCommand is "heliograph remove".
type removeCommand struct {
	IDs []string `arg:"" name:"id" help:"The tasks' IDs."`
	serviceFlags

	JSON bool `name:"json" help:"Print a line of JSON for each ID, with task_id and ok."`
}

// Help is what --help says more.
func (removeCommand) Help() string {
	return `Removes tasks that have ended, with their output. Example:

  heliograph remove 0b0e7a52-53c5-4d1a-9d0b-5f8f3f1c2a77

Exit status: 0 removed, 1 a task is not there or has not ended, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run removes the tasks.
func (c removeCommand) Run(ctx context.Context, p *program) error {
	return p.onService(func(t terminal) int { return managecli.Remove(ctx, c.service(), c.IDs, c.JSON, t) })
}
