package canary_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is the program with one filter taken out.
type mutant struct {
	file string // below the module's root
	from string // is there once
	to   string
}

// mutants are the filters that keep things from those they are not for, one each.
var mutants = map[string]mutant{
	"lists": {
		"application/guard/reader.go", "q.Viewer = new(g.policy.Viewer(p))", "_ = p",
	},
	"statuses": {
		"application/guard/guard.go", "case !t.Audience.Includes(policy.Viewer(p)):", "case false:",
	},
	"snapshots": {
		"application/tasks/snapshots/observer.go", "o.read(ctx, c.Viewer())", "o.read(ctx, access.Viewer{All: true})",
	},
	"streams": {
		"adapters/engine/sse/audiences.go", "return slices.DeleteFunc(v.Keys(), func(k access.Key) bool { return k.Kind == access.KeyOfEveryone })",
		"return append(slices.DeleteFunc(v.Keys(), func(k access.Key) bool { return k.Kind == access.KeyOfEveryone }), access.Key{Kind: access.KeyOfAll})",
	},
	"events": {
		"domain/task/event.go", "Order: e.Seq, Audience: e.Audience,", "Order: e.Seq,",
	},
}

// TestTheCheckerFindsOutEachFilterThatIsMissing shows that the test of this package can
// fail: what it looks for it finds.
func TestTheCheckerFindsOutEachFilterThatIsMissing(t *testing.T) { // A12
	t.Parallel()
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := inMemory(t, m.build(t))
			for range 10 { // whether a filter was needed depends on what happens at the same time
				if run(t, h, 20, false, false).report() != "" {
					return
				}
			}
			t.Error("a program without the filter was not found out")
		})
	}
}

// build returns the path of the mutant's program.
func (m mutant) build(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(root, m.file)
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.from); n != 1 {
		t.Fatalf("%q is %d times in %s: the filter has changed, and so must the mutant", m.from, n, m.file)
	}
	folder := t.TempDir()
	changed, overlay, program := filepath.Join(folder, "changed.go"), filepath.Join(folder, "overlay.json"), filepath.Join(folder, "heliograph")
	files, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{changed: strings.Replace(string(source), m.from, m.to, 1), overlay: string(files)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-overlay", overlay, "-o", program, "heliograph/bootstrap/cmd/heliograph")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
