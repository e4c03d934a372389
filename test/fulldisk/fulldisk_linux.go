// Package fulldisk makes a disk look full to a test.
package fulldisk

import (
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
)

// Alone reports whether this process may be without a disk. One that go test has
// write a log of its own may not: then the test has been run in another, and is done.
func Alone(t *testing.T) bool {
	t.Helper()
	if flag.Lookup("test.testlogfile").Value.String() == "" {
		return true
	}
	out, err := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$").CombinedOutput() //nolint:gosec // this very program
	if err != nil {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

// Fill has every write to a file fail in this process, until makeRoom is called, at
// the latest at the test's end. Such tests must not be parallel, and begin with Alone.
func Fill(t *testing.T) (makeRoom func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Skipf("no limit can be set here: %v", err)
	}
	signal.Ignore(syscall.SIGXFSZ) // which would end the process
	set := func(limit syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatalf("limit the size of files: %v", err)
		}
	}
	set(syscall.Rlimit{Cur: 0, Max: before.Max})
	makeRoom = sync.OnceFunc(func() {
		set(before)
		signal.Reset(syscall.SIGXFSZ)
	})
	t.Cleanup(makeRoom)
	return makeRoom
}
