package main

import (
	"fmt"
	"text/tabwriter"

	"heliograph/bootstrap"
)

type configCommand struct{}

// Run shows every variable with its value and its origin.
func (configCommand) Run(p *program) error {
	cfg, err := bootstrap.Load(p.environ, p.host)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tVALUE\tORIGIN") // Flush has the error
	for _, s := range cfg.Settings() {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Value, p.origin(s.Name))
	}
	return table.Flush()
}

func (p *program) origin(name string) string {
	if p.environ[name] == "" {
		return "default"
	}
	return "environment"
}
