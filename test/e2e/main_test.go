// Package e2e_test runs the real binary, from its environment variables to its
// exit status, and reads what its clients would. Nothing here knows how it is
// made.
package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// folder holds the binaries of this run.
var folder string

func TestMain(m *testing.M) {
	flag.Parse()
	err := flag.Set("test.parallel", "6") // these tests wait more than they work
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if folder, err = os.MkdirTemp("", "heliograph-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(folder)
		os.Exit(status)
	}))
}

// build makes the binaries, once. They carry no version stamp.
var build = sync.OnceValue(func() error {
	args := append([]string{"build", "-buildvcs=false", "-o", folder + string(filepath.Separator)}, raceFlags...)
	args = append(args, "heliograph/bootstrap/cmd/heliograph", "heliograph/test/standin/cmd/standin")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %q: %w\n%s", args, err, out)
	}
	return nil
})

// binary returns the path of a built binary.
func binary(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, name)
}
