//go:build race

package cluster_test

// raceFlags makes the nodes find races when the tests do.
var raceFlags = []string{"-race"}
