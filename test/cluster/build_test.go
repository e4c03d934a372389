package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programs are what the tests run.
var programs *builds

// builds are programs of this module, each built once for all tests.
type builds struct {
	folder string

	mu   sync.Mutex
	done map[string]bool // by path; guarded by mu
}

func newBuilds() (*builds, error) {
	folder, err := os.MkdirTemp("", "cluster")
	return &builds{folder: folder, done: map[string]bool{}}, err
}

// plain returns the path of a program.
func (b *builds) plain(t *testing.T, source string) string {
	t.Helper()
	return b.build(t, "plain", source)
}

// raced returns the path of a program that finds races if the tests do.
func (b *builds) raced(t *testing.T, source string) string {
	t.Helper()
	return b.build(t, "raced", source, raceFlags...)
}

func (b *builds) build(t *testing.T, kind, source string, flags ...string) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	path := filepath.Join(b.folder, kind, filepath.Base(source))
	if b.done[path] {
		return path
	}
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, source)...).CombinedOutput(); err != nil {
		t.Fatalf("go %q: %s\n%s", args, err, out)
	}
	b.done[path] = true
	return path
}
