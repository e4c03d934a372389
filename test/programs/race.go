//go:build race

package programs

// raceFlags are what the tests were built with, too.
var raceFlags = []string{"-race"}
