package main

import (
	"context"
	"net/http"

	"heliograph/adapters/inbound/explaincli"
)

// explainCommand is "heliograph explain".
type explainCommand struct {
	serviceFlags

	RequestID string `arg:"" help:"The stream's request_id; GET /api/connections lists them."`
	Event     string `placeholder:"ID" help:"The ID of an event that the browser did not see."`
	JSON      bool   `name:"json" help:"Print the service's answer."`
}

// Help is what --help says more.
func (explainCommand) Help() string {
	return `Says where the stream is, what became of the last events for it, what is wrong with it and what to do. It looks at all nodes.

Examples:
  heliograph explain abc123
  heliograph explain abc123 --event 0b6k3vtq-4711

Exit status: 0 nothing is wrong, 1 something is, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run explains the stream.
func (c explainCommand) Run(ctx context.Context, p *program) error {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	return exitWith(explaincli.Explain(ctx, explaincli.Options{
		URL: c.URL, Token: c.Token, RequestID: c.RequestID, Event: c.Event, JSON: c.JSON,
	}, explaincli.Terminal{Out: p.stdout, Err: p.stderr, Transport: transport}))
}
