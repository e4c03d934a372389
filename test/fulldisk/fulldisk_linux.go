// Package fulldisk makes a disk look full to a test.
package fulldisk

import (
	"os/signal"
	"sync"
	"syscall"
	"testing"
)

// Fill has every write to a file fail in this process, until makeRoom is called, at
// the latest at the test's end. Such tests must not be parallel.
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
