// Package commandtasks implements task.Handler with programs that an operator
// allows by naming them in a file (docs/commands.md has its format). Workers
// elsewhere are named in the same file; of theirs the Handler only checks params.
//
// What a caller sends never reaches a shell: a param is one argument, or part of
// one, or an environment variable, and the file's schema decides what it may be.
// A program runs in a process group of its own with an environment of its own,
// and when Run returns, nothing of that group is left.
package commandtasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"heliograph/adapters/internal/params"
	"heliograph/domain/task"
)

// command is the task.Handler of one program.
type command struct {
	schema      *params.Schema
	program     string // its absolute path
	folder      string // "" is the service's own
	arguments   []argument
	environment []variable
	inherited   []string // name=value
	killAfter   time.Duration
	finalExit   []int // exit statuses after which trying again is useless
	progress    progress
	wraps       bool // the result is put beside the exit status
	prints      bool // lines that are not progress are the task's output
	log         *slog.Logger
}

var _ task.Handler = (*command)(nil)

// Check implements task.Handler.
func (c *command) Check(given json.RawMessage) error {
	_, _, err := c.expand(given)
	return err
}

// Run implements task.Handler.
func (c *command) Run(ctx context.Context, given json.RawMessage, report task.Reporter) (json.RawMessage, error) {
	arguments, environment, err := c.expand(given)
	if err != nil {
		return nil, err
	}
	known, err := ofTask(ctx)
	if err != nil {
		return nil, err
	}
	environment = append(known, environment...) // of a variable that is there twice the last one counts
	out, err := c.attempt(ctx, arguments, environment, report)
	for logged := false; outOfResources(err) && ctx.Err() == nil; logged = true {
		if !logged {
			report.Text("waiting until the service can start another program")
		}
		select {
		case <-time.After(retryPause):
			out, err = c.attempt(ctx, arguments, environment, report)
		case <-ctx.Done():
		}
	}
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // the latter: a child of it kept the output open
		return c.result(out)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	default:
		failure := c.failure(ctx, out, err)
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && slices.Contains(c.finalExit, exit.ExitCode()) {
			return nil, task.Permanent(failure)
		}
		return nil, failure
	}
}

// result is that of a program that ended well, as the file wants it.
func (c *command) result(out *output) (json.RawMessage, error) {
	result, err := out.result()
	if err == nil && c.wraps {
		return wrap(result)
	}
	return result, err
}

// failure is why a program failed: what it told people, if it told them anything. Then how
// it ended and what it printed is for the log only.
func (c *command) failure(ctx context.Context, out *output, err error) error {
	failure := out.failure(err)
	if out.fault == (fault{}) {
		return failure
	}
	e, _ := task.FromContext(ctx)
	c.log.WarnContext(ctx, "command failed", slog.String("task_id", string(e.ID)), slog.String("program", c.program), slog.Any("error", failure))
	return task.WithCode(errors.New(out.fault.Message), out.fault.Code)
}

// attempt runs the program once.
func (c *command) attempt(ctx context.Context, arguments, environment []string, report task.Reporter) (*output, error) {
	out := newOutput(c.progress, report)
	if c.prints {
		out.printed.to = task.Output(ctx)
	}
	cmd := exec.CommandContext(ctx, c.program, arguments...) //nolint:gosec // which program is the operator's word
	cmd.Dir, cmd.Env, cmd.WaitDelay = c.folder, environment, c.killAfter
	cmd.Stdout, cmd.Stderr = &out.stdout, &out.stderr
	err := runGroup(cmd)
	out.close()
	return out, err
}

// retryPause is how long to wait before another attempt to start a program.
const retryPause = 250 * time.Millisecond

// outOfResources reports whether a program could not be started because the
// process or the machine has too many files or processes, which passes.
func outOfResources(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EAGAIN)
}

// runGroup runs cmd in a process group that ends with it. When cmd's context
// ends, the group is asked to stop; what is left of it after cmd.WaitDelay, or
// when cmd and all that hold its output are gone, is killed.
func runGroup(cmd *exec.Cmd) error {
	// The death signal comes when the thread that started the process ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	lead(cmd)
	if err := cmd.Start(); err != nil {
		if _, gone := os.Stat(cmd.Dir); cmd.Dir != "" && gone != nil {
			err = gone // otherwise it says that the program is not there
		}
		return fmt.Errorf("the command could not be started: %w", err)
	}
	defer killGroup(cmd.Process.Pid)
	return cmd.Wait()
}

// expand makes arguments and environment of params. Errors: task.ErrInvalidParams.
func (c *command) expand(given json.RawMessage) (arguments, environment []string, err error) {
	fields, err := c.schema.Read(given)
	if err != nil {
		return nil, nil, err
	}
	values, err := textsOf(fields, c.schema)
	if err == nil {
		arguments, err = expandAll(c.arguments, values)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", task.ErrInvalidParams, err)
	}
	environment = append([]string{unbuffered}, c.inherited...)
	for _, v := range c.environment {
		if text, ok := v.value.expand(values); ok {
			environment = append(environment, v.name+"="+text)
		}
	}
	return arguments, environment, nil
}
