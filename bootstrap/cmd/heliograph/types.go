package main

import (
	"context"
	"net/http"

	"heliograph/adapters/inbound/typescli"
)

// typesCommand is "heliograph types".
type typesCommand struct {
	serviceFlags

	List   bool   `short:"l" help:"List the types with their params for people, and write no TypeScript."`
	JSON   bool   `name:"json" help:"Print the types with their schemas as one object of JSON, and write no TypeScript."`
	Module string `default:"heliograph-client" placeholder:"NAME" help:"The name by which the frontend imports the client library (${default})."`
}

// Help is what --help says more.
func (typesCommand) Help() string {
	return `TypeScript goes to standard output. Examples:

  heliograph types > tasks.d.ts
  heliograph types --list
  heliograph types --json | jq '.task_types[].type'

Exit status: 0 written, 1 it could not be, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run writes the types.
func (c typesCommand) Run(ctx context.Context, p *program) error {
	if c.List || c.JSON {
		return p.onService(func(t terminal) int { return typescli.List(ctx, c.service(), c.JSON, t) })
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	status := typescli.Write(ctx, typescli.Options{URL: c.URL, Token: c.Token, Module: c.Module},
		typescli.Terminal{Out: p.stdout, Err: p.stderr, Transport: transport})
	return exitWith(status)
}
