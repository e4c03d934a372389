package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Whoever copies a sample has its types checked with their own.
func TestPythonOfTheSamplesIsTyped(t *testing.T) {
	checker, err := exec.LookPath("mypy")
	if err != nil && os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
		t.Fatal("mypy is not installed, so nothing checks the types of the Python samples")
	}
	if err != nil {
		t.Skip("SKIPPED: mypy is not installed, so nothing checks the types of the Python samples")
	}
	files, err := filepath.Glob("examples/workers/*.py")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: there are no samples", err)
	}
	args := append([]string{"--strict", "--cache-dir", t.TempDir()}, files...)
	if out, err := exec.CommandContext(t.Context(), checker, args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
