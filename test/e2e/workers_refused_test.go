package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the service refuses ends the task as failed with the service's words, and
// not after all its attempts as worker_lost.
func TestRefusedResultFailsTheTaskOfASampleWorker(t *testing.T) { // T11
	t.Parallel()
	for _, c := range []struct {
		interpreter, sample, ret string
		results                  map[int]string // by steps: an expression for what work() returns
		want                     map[int]string // in the task's error
	}{
		{
			"python3", "worker.py", `return {"steps": steps, "attempt": task.attempt}`,
			map[int]string{
				1: `return float("nan")`, 2: `return "x" * (20 << 20)`, 3: `task.report(text=5)`, 4: `return object()`,
			},
			map[int]string{1: "complete: the body is not valid JSON", 2: "complete: ", 3: "refuses the progress: ", 4: "not JSON serializable"},
		},
		{
			"node", "worker.mjs", `return { steps, attempt: task.attempt };`,
			map[int]string{
				1: `return 1n`, 2: `return "x".repeat(20 << 20)`, 3: `await task.report({ text: 5 })`,
			},
			map[int]string{1: "BigInt", 2: "complete: ", 3: "refuses the progress: "},
		},
	} {
		t.Run(c.sample, func(t *testing.T) {
			t.Parallel()
			s := start(t, workersFile(t, "2s"))
			var lines []string
			for steps, result := range c.results {
				n := string(rune('0' + steps))
				if c.interpreter == "node" {
					lines = append(lines, "if (steps === "+n+") "+result+";")
				} else {
					lines = append(lines, "if steps == "+n+": "+result)
				}
			}
			path := copyOfSample(t, c.sample, c.ret, strings.Join(lines, "\n    "))
			s.work(t, []string{program(t, c.interpreter), path})
			for steps, want := range c.want {
				id := s.startCount(t, &order{Steps: steps})
				eventually(t, "the task ends", func() bool { return s.status(t, id).EndTime != nil })
				got := s.status(t, id)
				var said string
				if got.Error != nil {
					said = *got.Error
				}
				if got.Status != "failed" || !strings.Contains(said, want) || got.Attempt != 1 {
					t.Errorf("%d: %s after attempt %d with %.300q; want failed after the first with %q", steps, got.Status, got.Attempt, said, want)
				}
			}
		})
	}
}

// copyOfSample copies a sample worker with one piece replaced.
func copyOfSample(t *testing.T, name, before, after string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, name))
	if err != nil || strings.Count(string(text), before) != 1 {
		t.Fatalf("%v; %s no longer has %q once", err, name, before)
	}
	dir := t.TempDir()
	path, client := filepath.Join(dir, name), "heliograph"+filepath.Ext(name)
	copied, err := os.ReadFile(filepath.Join(samples, client))
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, client), copied, 0o600), os.WriteFile(path, []byte(strings.Replace(string(text), before, after, 1)), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
