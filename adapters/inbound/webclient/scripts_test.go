package webclient_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heliograph/test/clientbundle"
)

func TestTheScriptsAreThoseOfTheSources(t *testing.T) {
	scripts, err := clientbundle.Scripts("src")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range scripts {
		if got, err := os.ReadFile(filepath.Join("dist", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what the sources make of it: run make generate (%v)", name, err)
		}
		size := clientbundle.Zipped(want)
		if limit := clientbundle.Limits[name]; size > limit {
			t.Errorf("%s has %d bytes after gzip, and may have %d", name, size, limit)
		}
		t.Logf("%s: %d bytes, %d after gzip", name, len(want), size)
	}
}

// The bundler builds the scripts; the service only has them.
func TestTheProgramHasNoBundler(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "heliograph/bootstrap/cmd/heliograph").Output()
	if err != nil {
		t.Fatal(err)
	}
	if packages := strings.Fields(string(out)); slices.ContainsFunc(packages, func(p string) bool { return strings.Contains(p, "esbuild") }) {
		t.Error("the program imports esbuild")
	}
}

// The tests of the sources run in node, each named with the rule that it proves.
func TestTheLibraryDoesWhatTheRulesSay(t *testing.T) {
	runTests(t, "test", clientbundle.Test)
}

// runTests runs the tests of a folder, each bundled into a module, in node with more options.
func runTests(t *testing.T, folder string, bundle func(path string) ([]byte, error), options ...string) {
	t.Helper()
	tests, err := filepath.Glob(filepath.Join(folder, "*.test.ts"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("there are no tests in %s: %v", folder, err)
	}
	dir := t.TempDir()
	args := append([]string{"--test", "--enable-source-maps"}, options...)
	for _, path := range tests {
		module, err := bundle(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		built := filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".ts")+".mjs")
		if err := os.WriteFile(built, module, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, built)
	}
	run(t, "", "node", args...)
}

// The types of the sources are right, and are those that the package ships.
func TestTheTypesAreRight(t *testing.T) {
	compiler := filepath.Join(modules(t), ".bin", "tsc")
	run(t, "", compiler, "-p", ".")
}

// modules returns the folder with the packages of package-lock.json, which npm installs
// the first time, and when that file has changed.
func modules(t *testing.T) string {
	t.Helper()
	wanted, err := os.Stat("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if installed, err := os.Stat("node_modules/.package-lock.json"); err != nil || installed.ModTime().Before(wanted.ModTime()) {
		run(t, "", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	}
	path, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a command, which is one of those that CI must have.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
		t.Fatalf("%s is not installed, so nothing checks the client library", name)
	}
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed, so nothing checks the client library", name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
