package main

import (
	"fmt"

	"heliograph/bootstrap"
)

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(p *program) error {
	_, err := fmt.Fprintln(p.stdout, bootstrap.BuildVersion())
	return err
}
