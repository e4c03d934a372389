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
	for folder, more := range map[string][]string{
		"examples/workers":       nil,
		"examples/queues/celery": {"--ignore-missing-imports", "--allow-untyped-decorators"}, // Celery has no types
	} {
		files, err := filepath.Glob(folder + "/*.py")
		if err != nil || len(files) == 0 {
			t.Fatalf("%v: there are no samples", err)
		}
		cmd := exec.CommandContext(t.Context(), checker, append(append([]string{"--strict", "--cache-dir", t.TempDir()}, more...), files...)...)
		cmd.Env = append(os.Environ(), "MYPYPATH=examples/workers") //nolint:forbidigo // PATH and the like
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", folder, err, out)
		}
	}
}
