// Package bootstrap puts the service together: it reads the configuration,
// chooses an adapter for each port, wires all of it with fx, and starts and
// stops it in the right order. It is the only place that knows fx or the
// environment.
//
// Two choices make the environments: which gateway (gateway.go) and which
// broker (broker.go). Each file here is one port's choice or one step of the
// whole; lifecycle.go is the page that tells what happens when.
package bootstrap
