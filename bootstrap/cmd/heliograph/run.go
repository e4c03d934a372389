package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"heliograph/adapters/inbound/taskcli"
)

// startFlags are those of the commands that start a task, but for which.
type startFlags struct {
	serviceFlags

	Param  []string      `short:"p" placeholder:"NAME=VALUE" sep:"none" help:"A param. The type's schema decides whether a value is a number, a boolean or a text. Repeatable."`
	Params string        `placeholder:"JSON" help:"The params as a JSON object, @FILE for those in a file, - for those on standard input; -p wins over it."`
	Label  []string      `placeholder:"KEY=VALUE" sep:"none" help:"A label to find the task by. Repeatable."`
	RunAt  string        `placeholder:"TIME" xor:"when" help:"When it is to run, such as 2026-01-02T15:04:05Z."`
	Delay  time.Duration `placeholder:"DURATION" xor:"when" help:"How long it is to wait before it runs, such as 90s or 2h."`
	Key    string        `placeholder:"TEXT" help:"An Idempotency-Key: with one that was used before, the first task is taken and none started."`
}

func (f startFlags) options() taskcli.Options {
	return taskcli.Options{
		URL: f.URL, Token: f.Token, Params: f.Params, Pairs: f.Param, Labels: f.Label, Key: f.Key, RunAt: f.RunAt, Delay: f.Delay,
	}
}

// runCommand is "heliograph run"; its exit status is the task's outcome.
type runCommand struct {
	Type string `arg:"" help:"The task's type; heliograph types --list lists them."`
	startFlags

	JSON   bool `name:"json" help:"Print all that is known of the ended task, not only its result."`
	Detach bool `help:"Print the task's ID and do not follow it."`
}

// Help is what --help says more.
func (runCommand) Help() string {
	return `The result goes to standard output as JSON, everything else to standard error. Examples:

  heliograph run demo_task -p steps=20 -p message=hello
  heliograph run demo_task | jq .steps_completed

Exit status: 0 completed, 1 failed, 2 bad usage, 3 cancelled, 4 the service cannot be reached or has lost the task, 130 left before the end.

Ctrl-C on a terminal asks whether to cancel the task; elsewhere it cancels it. A second one leaves, and the task goes on.`
}

// Run starts the task and follows it.
func (c runCommand) Run(ctx context.Context, p *program) error {
	o := c.options()
	o.Type, o.JSON, o.Detach = c.Type, c.JSON, c.Detach
	return p.follow(ctx, o)
}

// follow starts a task, or takes one, and follows it.
func (p *program) follow(ctx context.Context, o taskcli.Options) error {
	interrupts := make(chan os.Signal, 2) // the second may come while the first is dealt with
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	// A signal ends ctx at once, but not the session.
	return exitWith(taskcli.Run(context.WithoutCancel(ctx), o, taskcli.Terminal{
		In: p.stdin, Out: p.stdout, Err: p.stderr,
		Interactive: p.host.Terminal && term.IsTerminal(int(os.Stdin.Fd())), Width: width,
		Interrupts: interrupts, Transport: transport,
	}))
}

// width is the terminal's, in columns.
func width() int {
	columns, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil || columns <= 0 {
		return 80 // what terminals had before they said
	}
	return columns
}

// statusError is an exit status whose reason has been printed already.
type statusError int

// Error implements error.
func (statusError) Error() string { return "" }

// exitWith returns a statusError, or nil for 0.
func exitWith(status int) error {
	if status != 0 {
		return statusError(status)
	}
	return nil
}

// isOfClient reports whether a mistake on the command line is about a command that uses a
// running service.
func isOfClient(err error) bool {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return false
	}
	node := parse.Context.Selected()
	if node == nil {
		return false
	}
	_, ok = reflect.TypeAssert[interface{ isOfClient() }](node.Target)
	return ok
}
