// Package env holds the tests of the wiring: each contract suite runs on the
// ports of the graph that bootstrap builds for each environment, so that it is
// the swap of adapters that is tested, and not only the adapters.
package env
