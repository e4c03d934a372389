package bootstrap

import "context"

// Within is within, for tests.
var Within = within

// Loops is loops, for tests.
type Loops struct{ *loops }

// NewLoops is newLoops.
func NewLoops() Loops { return Loops{newLoops()} }

// Run is run.
func (l Loops) Run(name string, serve func(context.Context) error) { l.run(name, serve) }

// Failed is failed.
func (l Loops) Failed() <-chan error { return l.failed }

// Stop is stop.
func (l Loops) Stop() { l.stop() }
