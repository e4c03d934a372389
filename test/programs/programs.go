// Package programs builds and starts programs of this module for the tests that
// run them as processes. Each is built once, into a folder that is removed when
// all tests have ended.
package programs

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Heliograph is the path of the product itself.
const Heliograph = "heliograph/bootstrap/cmd/heliograph"

var (
	folder string // set by Main, before any test runs

	mu   sync.Mutex
	done = map[string]bool{} // of the paths that were built; guarded by mu
)

// Main is all of a TestMain: it runs the tests, so many at a time as are named,
// since they wait more than they work, and lets no goroutine be left behind but those
// that the options ignore.
func Main(m *testing.M, parallel int, leaks ...goleak.Option) {
	flag.Parse()
	err := flag.Set("test.parallel", strconv.Itoa(parallel))
	if err == nil {
		folder, err = os.MkdirTemp("", "heliograph-programs-")
	}
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, append(leaks, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(folder)
		os.Exit(status)
	}))...)
}

// Plain returns the path of the program that a package is.
func Plain(t testing.TB, source string) string {
	t.Helper()
	return build(t, "plain", source)
}

// Raced is Plain, for a program that finds races if the tests do.
func Raced(t testing.TB, source string) string {
	t.Helper()
	return build(t, "raced", source, raceFlags...)
}

func build(t testing.TB, kind, source string, flags ...string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	path := filepath.Join(folder, kind, filepath.Base(source))
	if done[path] {
		return path
	}
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, source)...).CombinedOutput(); err != nil { //nolint:gosec,noctx // the tests' own, and each is built to the end
		t.Fatalf("go %q: %s\n%s", args, err, out)
	}
	done[path] = true
	return path
}

// Start starts a program that ends with its standard input, and returns that and
// what it prints.
func Start(t testing.TB, cmd *exec.Cmd) (in io.Closer, out io.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err = cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return in, out
}
