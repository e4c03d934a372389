package main

import (
	"context"
	"net/http"

	"heliograph/adapters/inbound/eventcli"
)

// publishCommand is "heliograph publish".
type publishCommand struct {
	serviceFlags

	Name      string `arg:"" help:"The event's name: 1 to 64 of a-z 0-9 . _ -"`
	Data      string `arg:"" name:"json-data" help:"The event's data as JSON; - reads it from standard input."`
	Audience  string `placeholder:"JSON" help:"Whom it is for: everyone, or an object with \"subjects\", \"roles\" or \"request_ids\". Without one it is for everyone."`
	RequestID string `placeholder:"TEXT" help:"The one stream that it is for."`
	Key       string `placeholder:"TEXT" help:"An Idempotency-Key: with one that was used within two minutes nothing is sent, and the first answer is shown."`
	JSON      bool   `name:"json" help:"Print the whole answer, not only the event's ID."`
}

// Help is what --help says more.
func (publishCommand) Help() string {
	return `The event's ID goes to standard output; an event for one stream has none. Examples:

  heliograph publish order.changed '{"id":4711}' --audience '{"roles":["sales"]}'
  jq -n '{id: 4711}' | heliograph publish order.changed -

Exit status: 0 published, 1 the one stream is not there, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run publishes the event.
func (c publishCommand) Run(ctx context.Context, p *program) error {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	status := eventcli.Publish(ctx, eventcli.Options{
		URL: c.URL, Token: c.Token, Name: c.Name, Data: c.Data, Audience: c.Audience, RequestID: c.RequestID, Key: c.Key, JSON: c.JSON,
	}, eventcli.Terminal{In: p.stdin, Out: p.stdout, Err: p.stderr, Transport: transport})
	return exitWith(status)
}
