package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"heliograph/adapters/inbound/taskcli"
)

// runCommand is "heliograph run"; its exit status is the task's outcome.
type runCommand struct {
	Type   string        `arg:"" help:"The task's type; GET /api/task-types lists them."`
	Param  []string      `short:"p" placeholder:"NAME=VALUE" sep:"none" help:"A param. The type's schema decides whether a value is a number, a boolean or a text. Repeatable."`
	Params string        `placeholder:"JSON" help:"The params as a JSON object; -p wins over it."`
	Label  []string      `placeholder:"KEY=VALUE" sep:"none" help:"A label to find the task by. Repeatable."`
	RunAt  string        `placeholder:"TIME" xor:"when" help:"When it is to run, such as 2026-01-02T15:04:05Z."`
	Delay  time.Duration `placeholder:"DURATION" xor:"when" help:"How long it is to wait before it runs, such as 90s or 2h."`
	URL    string        `default:"http://localhost:8080" help:"Where the service is."`
	Token  string        `env:"HELIOGRAPH_TOKEN" placeholder:"TEXT" help:"A JWT or an API key, where the service asks for one. Better in the environment: other users see command lines."`
	Key    string        `placeholder:"TEXT" help:"An Idempotency-Key: with one that was used before, the first task is followed and none started."`
	JSON   bool          `name:"json" help:"Print all that is known of the ended task, not only its result."`
	Detach bool          `help:"Print the task's ID and do not follow it."`
}

// Help is what --help says more.
func (runCommand) Help() string {
	return `The result goes to standard output as JSON, everything else to standard error.

Exit status: 0 completed, 1 failed, 2 bad usage, 3 cancelled, 4 the service cannot be reached or has lost the task, 130 left before the end.

Ctrl-C on a terminal asks whether to cancel the task; elsewhere it cancels it. A second one leaves, and the task goes on.`
}

// Run starts the task and follows it.
func (c runCommand) Run(ctx context.Context, p *program) error {
	interrupts := make(chan os.Signal, 2) // the second may come while the first is dealt with
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	// A signal ends ctx at once, but not the session.
	status := taskcli.Run(context.WithoutCancel(ctx), taskcli.Options{
		URL: c.URL, Token: c.Token, Type: c.Type, Params: c.Params, Pairs: c.Param, Labels: c.Label, Key: c.Key, RunAt: c.RunAt, Delay: c.Delay, JSON: c.JSON, Detach: c.Detach,
	}, taskcli.Terminal{
		In: os.Stdin, Out: p.stdout, Err: p.stderr,
		Interactive: p.host.Terminal && term.IsTerminal(int(os.Stdin.Fd())), Width: width,
		Interrupts: interrupts, Transport: transport,
	})
	return exitWith(status)
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

// isOfClient reports whether a mistake on the command line is about "heliograph run",
// "heliograph publish" or "heliograph types", which have an exit status of their own for it.
func isOfClient(err error) bool {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return false
	}
	node := parse.Context.Selected()
	return node != nil && slices.Contains([]string{"run", "publish", "types"}, node.Name)
}
