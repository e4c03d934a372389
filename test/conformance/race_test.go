//go:build race

package conformance_test

// raceFlags makes the binary under test find races when the tests do.
var raceFlags = []string{"-race"}
