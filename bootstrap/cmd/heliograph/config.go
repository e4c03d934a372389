package main

import (
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"

	"heliograph/bootstrap"
)

type configCommand struct {
	Role  string `arg:"" optional:"" enum:"serve,gateway" default:"serve" help:"Of which command: serve (the default) or gateway."`
	Graph bool   `help:"Show what the configured service is made of instead, for Graphviz."`
}

// Run shows every variable with its value and its origin.
func (c configCommand) Run(p *program) error {
	if c.Graph {
		return c.graph(p)
	}
	settings, err := p.settings(c.Role)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tVALUE\tORIGIN") // Flush has the error
	for _, s := range settings {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Value, s.Origin)
	}
	return table.Flush()
}

// graph shows the objects that the role is made of, with what each needs.
func (c configCommand) graph(p *program) (err error) {
	var graph string
	if c.Role == "gateway" {
		cfg, _, loaded := bootstrap.LoadGatewayRole(p.environ, p.host)
		if loaded != nil {
			return loaded
		}
		graph, err = bootstrap.GatewayRoleDotGraph(cfg, slog.New(slog.DiscardHandler))
	} else {
		cfg, loaded := bootstrap.Load(p.environ, p.host)
		if loaded != nil {
			return loaded
		}
		graph, err = bootstrap.DotGraph(cfg, slog.New(slog.DiscardHandler))
	}
	if err == nil {
		_, err = fmt.Fprintln(p.stdout, graph)
	}
	return err
}

// settings reads the configuration of a role. What that would start with all the
// same is a mistake here.
func (p *program) settings(role string) ([]bootstrap.Setting, error) {
	if role == "gateway" {
		cfg, ignored, err := bootstrap.LoadGatewayRole(p.environ, p.host)
		return cfg.Settings(), errors.Join(ignored, err)
	}
	cfg, err := bootstrap.Load(p.environ, p.host)
	return cfg.Settings(), err
}
