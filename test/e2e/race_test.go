//go:build race

package e2e_test

// raceFlags makes the binaries under test find races when the tests do.
var raceFlags = []string{"-race"}
