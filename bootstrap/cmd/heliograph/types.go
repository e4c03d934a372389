package main

import (
	"context"
	"net/http"

	"heliograph/adapters/inbound/typescli"
)

// typesCommand is "heliograph types".
type typesCommand struct {
	URL    string `default:"http://localhost:8080" help:"Where the service is."`
	Token  string `env:"HELIOGRAPH_TOKEN" placeholder:"TEXT" help:"A JWT or an API key, where the service asks for one. Better in the environment: other users see command lines."`
	Module string `default:"heliograph-client" placeholder:"NAME" help:"The name by which the frontend imports the client library (${default})."`
}

// Help is what --help says more.
func (typesCommand) Help() string {
	return `TypeScript goes to standard output: heliograph types > tasks.d.ts

Exit status: 0 written, 1 it could not be, 2 refused or bad usage, 4 the service cannot be reached.`
}

// Run writes the types.
func (c typesCommand) Run(ctx context.Context, p *program) error {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	status := typescli.Write(ctx, typescli.Options{URL: c.URL, Token: c.Token, Module: c.Module},
		typescli.Terminal{Out: p.stdout, Err: p.stderr, Transport: transport})
	return exitWith(status)
}
