package main

import (
	"context"

	"heliograph/adapters/inbound/connectioncli"
)

// connectionsCommand is "heliograph connections".
type connectionsCommand struct {
	List connectionsListCommand `cmd:"" default:"withargs" help:"List the open streams. This is what happens without a command, too."`
	End  connectionsEndCommand  `cmd:"" help:"End a stream now. Its credential stays good, so its client may come back."`
}

// isOfClient is as that of serviceFlags.
func (connectionsCommand) isOfClient() {}

// Help is what --help says more.
func (connectionsCommand) Help() string { return connectionsListCommand{}.Help() }

type connectionsListCommand struct {
	serviceFlags

	Subject   string `placeholder:"TEXT" help:"Only streams of this subject."`
	RequestID string `placeholder:"TEXT" help:"Only streams whose request_id begins so."`
	Node      string `placeholder:"NAME" help:"Only streams of this node of the cluster."`
	Behind    bool   `help:"Only streams for which something waits."`
	Limit     int    `short:"n" default:"100" help:"How many at most (${default})."`
	All       bool   `short:"a" help:"All, however many."`
	JSON      bool   `name:"json" help:"Print a line of JSON for each stream, as GET /api/connections has it."`
}

// Help is what --help says more.
func (connectionsListCommand) Help() string {
	return `Needs the scope admin. Examples:

  heliograph connections --subject ann
  heliograph connections --all --json | jq -r 'select(.lag_events > 0) | .request_id'
  heliograph connections end tab-4711

Exit status: 0 listed, 1 a node did not answer or standard output takes nothing, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run lists the connections.
func (c connectionsListCommand) Run(ctx context.Context, p *program) error {
	limit := max(c.Limit, 1)
	if c.All {
		limit = 0
	}
	return p.onService(func(t terminal) int {
		return connectioncli.List(ctx, c.service(), connectioncli.Options{Subject: c.Subject, RequestID: c.RequestID, Node: c.Node, Behind: c.Behind, Limit: limit, JSON: c.JSON}, t)
	})
}

type connectionsEndCommand struct {
	RequestID string `arg:"" help:"The stream's request_id."`
	serviceFlags

	JSON bool `name:"json" help:"Print an object with request_id and ok."`
}

// Help is what --help says more.
func (connectionsEndCommand) Help() string {
	return `Needs the scope admin. Example:

  heliograph connections end tab-4711

Exit status: 0 it ends, 1 no open stream has the request_id, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run ends the stream.
func (c connectionsEndCommand) Run(ctx context.Context, p *program) error {
	return p.onService(func(t terminal) int { return connectioncli.End(ctx, c.service(), c.RequestID, c.JSON, t) })
}
