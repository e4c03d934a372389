package main

import (
	"context"

	"heliograph/adapters/inbound/watchcli"
)

// watchCommand is "heliograph watch".
type watchCommand struct {
	serviceFlags

	Type   []string `short:"t" sep:"," placeholder:"TYPE,..." help:"Only tasks of these types."`
	Label  []string `short:"l" sep:"none" placeholder:"KEY=VALUE" help:"Only tasks with this label. Repeatable: all must be there."`
	Task   []string `sep:"," placeholder:"ID,..." help:"Only these tasks."`
	Event  []string `short:"e" sep:"," placeholder:"NAME,..." help:"Only events of these names, such as version; without it all but pings."`
	From   string   `placeholder:"ID" help:"Begin after the event with this id, if the log still reaches back to it."`
	Stream string   `placeholder:"URL" help:"The stream's URL where the service has none itself, as behind an external gateway."`
	JSON   bool     `name:"json" help:"Print lines of JSON on a terminal, too."`
}

// Help is what --help says more.
func (watchCommand) Help() string {
	return `Shows what comes over a stream. On a terminal the tasks that run have bars, and what has ended scrolls away; elsewhere it is a line of JSON for each event, with id, event and data. Examples:

  heliograph watch
  heliograph watch --type import,report
  heliograph watch --event order.changed | jq .data

When the stream breaks it goes on where it was, however long the service is away, and says when events are missing.

Exit status: 0 after Ctrl-C, 1 standard output takes nothing, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run shows what comes.
func (c watchCommand) Run(ctx context.Context, p *program) error {
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	return p.onService(func(t terminal) int {
		return watchcli.Run(ctx, c.service(), watchcli.Options{
			Stream: c.Stream, From: c.From, Events: c.Event, Types: c.Type, Labels: c.Label, Tasks: c.Task, JSON: c.JSON,
		}, t)
	})
}
