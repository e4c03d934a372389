package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestJavaScriptOfTheSamplesParses(t *testing.T) {
	for _, path := range []string{"examples/frontend/page.js", "examples/openid/access.js", "examples/workers/heliograph.mjs", "examples/workers/worker.mjs", "examples/queues/bullmq/adapter.mjs", "examples/queues/bullmq/main.mjs"} {
		node(t, "--check", moduleCopy(t, t.TempDir(), path))
	}
}

func TestOwnEventsDoWhatTheirPageSays(t *testing.T) { // E11
	const own = "examples/own-events"
	dir := t.TempDir()
	moduleCopy(t, dir, own+"/own-events.js")
	node(t, "--test", moduleCopy(t, dir, own+"/own-events.test.mjs"))
}

// moduleCopy puts a script into dir under the name that makes node take it for
// a module, as browsers do.
func moduleCopy(t *testing.T, dir, source string) string {
	t.Helper()
	name := filepath.Base(source)
	path := filepath.Join(dir, strings.TrimSuffix(strings.TrimSuffix(name, ".js"), ".mjs")+".mjs")
	if err := os.WriteFile(path, []byte(read(t, source)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func node(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil && os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
		t.Fatal("node is not installed, so nothing checks the JavaScript sample")
	}
	if err != nil {
		t.Skip("SKIPPED: node is not installed, so nothing checks the JavaScript sample")
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("node %v: %v\n%s", args, err, out)
	}
}
