// Package e2e_test runs the real binary, from its environment variables to its
// exit status, and reads what its clients would. Nothing here knows how it is
// made.
package e2e_test

import (
	"testing"

	"heliograph/test/natsserver"
	"heliograph/test/programs"
)

func TestMain(m *testing.M) { programs.Main(m, 6, natsserver.Leaks()...) }

// binary returns the path of our program.
func binary(t *testing.T) string {
	t.Helper()
	return programs.Raced(t, programs.Heliograph)
}
