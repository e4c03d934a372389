// Package npm_test shows that the client library can be used as a package: it is packed, and
// a program that uses all of its entries is type-checked, built by each bundler, and run.
package npm_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// library is the folder that is packed.
const library = "../../adapters/inbound/webclient"

// said is what the program in consumer says when all is well.
const said = `{"html":"<p>false,,,,0,,,idle</p>","loop":"20 rows","failed":"TASK_FAILED","idle":"idle","elements":["function","function"]}`

func TestThePackageWorksWithEachBundler(t *testing.T) { // B13, B17, B18, B19
	project := newProject(t)
	run(t, project, "node", "node_modules/typescript/bin/tsc", "-p", ".") // makes app.js, too
	for name, steps := range map[string][][]string{
		"Vite":             {{"vite.mjs"}, {"out/vite/app.mjs"}},
		"webpack":          {{"webpack.mjs"}, {"out/webpack/app.mjs"}},
		"esbuild":          {{"esbuild.mjs"}, {"out/esbuild/app.mjs"}},
		"without, in node": {{"app.js"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out string
			for _, step := range steps {
				out = run(t, project, "node", step...)
			}
			if got := strings.TrimSpace(out); got != said {
				t.Errorf("the program says\n%s\nwant\n%s", got, said)
			}
		})
	}
}

// The sample app is strictly typed, and so is all that the documents show beside it.
func TestTheSampleAppIsTypedAndBuilt(t *testing.T) { // B17
	project := newProject(t)
	if err := os.CopyFS(filepath.Join(project, "sample"), os.DirFS("../../docs/examples/frontend")); err != nil {
		t.Fatal(err)
	}
	run(t, project, "node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--jsx", "react-jsx", "--target", "es2022",
		"--module", "esnext", "--moduleResolution", "bundler", "--ignoreConfig", "sample/app.tsx", "sample/pieces.tsx")
	run(t, project, "node", "node_modules/esbuild/bin/esbuild", "sample/app.tsx", "--bundle", "--format=esm", "--jsx=automatic", "--outdir=out/sample", "--splitting")
}

// What docs/frontend.md shows for other frameworks.
func TestTheRecipesForStoresWork(t *testing.T) { // B11
	project := newProject(t)
	if err := os.CopyFS(filepath.Join(project, "stores"), os.DirFS("../../docs/examples/stores")); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(run(t, project, "node", "--conditions=browser", "stores.mjs")); got != "ok" {
		t.Errorf("the recipes say %s", got)
	}
}

// A page takes the scripts as they are: they import nothing but each other.
func TestAPageNeedsNoBundler(t *testing.T) { // B2
	project := newProject(t)
	folder := filepath.Join(project, "node_modules", "heliograph-client", "dist")
	for _, name := range []string{"client.js", "worker.js", "elements.js", "testing.js"} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		found := imports(string(content))
		if len(found) == 0 && name != "worker.js" {
			t.Errorf("%s imports nothing, and needs another script", name)
		}
		for _, from := range found {
			if !strings.HasPrefix(from, "./") {
				t.Errorf("%s imports %q", name, from)
			} else if _, err := os.Stat(filepath.Join(folder, from)); err != nil {
				t.Errorf("%s imports %s, which is not packed", name, from)
			}
		}
	}
}

var imported = regexp.MustCompile(`(?:import|export)[\w$ ,{}*]*from"([^"]+)"|import\(?"([^"]+)"`)

// imports returns what a minified script imports.
func imports(script string) (from []string) {
	for _, match := range imported.FindAllStringSubmatch(script, -1) {
		from = append(from, match[1]+match[2])
	}
	return from
}

// newProject makes a project with the package in its node_modules, beside the bundlers.
func newProject(t *testing.T) string {
	t.Helper()
	for _, needed := range []string{"node", "npm", "tar"} {
		if _, err := exec.LookPath(needed); err != nil && os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
			t.Fatalf("%s is not installed, so nothing checks the package", needed)
		} else if err != nil {
			t.Skipf("SKIPPED: %s is not installed, so nothing checks the package", needed)
		}
	}
	if _, err := os.Stat("node_modules/.package-lock.json"); err != nil {
		run(t, ".", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	}
	project := t.TempDir()
	if err := os.CopyFS(project, os.DirFS("consumer")); err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(project, "node_modules")
	link(t, "node_modules", modules)
	pack(t, filepath.Join(modules, "heliograph-client"))
	if err := os.WriteFile(filepath.Join(project, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return project
}

// link makes a folder of links to what is in another one.
func link(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err == nil {
		err = os.MkdirAll(to, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		target, err := filepath.Abs(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.Symlink(target, filepath.Join(to, e.Name()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// pack packs the library and unpacks it as folder.
func pack(t *testing.T, folder string) {
	t.Helper()
	dir := t.TempDir()
	var packed []struct {
		Filename string
		Files    []struct{ Path string }
	}
	if err := json.Unmarshal([]byte(run(t, library, "npm", "pack", "--json", "--ignore-scripts", "--pack-destination", dir)), &packed); err != nil || len(packed) != 1 {
		t.Fatalf("npm pack: %v", err)
	}
	for _, f := range packed[0].Files {
		if folder, _, found := strings.Cut(f.Path, "/"); found && folder != "dist" && folder != "types" {
			t.Errorf("%s is packed", f.Path)
		}
	}
	if err := os.Mkdir(folder, fs.FileMode(0o700)); err != nil {
		t.Fatal(err)
	}
	run(t, folder, "tar", "-xzf", filepath.Join(dir, packed[0].Filename), "--strip-components=1")
}

// run runs a command in a folder and returns what it printed.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
