package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"heliograph/bootstrap"
)

type configCommand struct {
	Role string `arg:"" optional:"" enum:"serve,gateway" default:"serve" help:"Of which command: serve (the default) or gateway."`
}

// Run shows every variable with its value and its origin.
func (c configCommand) Run(p *program) error {
	settings, err := p.settings(c.Role)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tVALUE\tORIGIN") // Flush has the error
	for _, s := range settings {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Value, p.origin(s.Name))
	}
	return table.Flush()
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

func (p *program) origin(name string) string {
	if p.environ[name] == "" {
		return "default"
	}
	return "environment"
}
