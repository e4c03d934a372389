package taskcli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/inbound/taskcli"
)

// ended is a status of the task that is tried again, with these fields more.
func ended(status, more string) string {
	return `{"task_id":"` + id + `","type":"old","status":"` + status + `","result":null,"error":"no disk","seq":4,"attempt":1,"labels":{"page":"x","order":"1"}` + more + `}`
}

func TestARetryHasTheParamsAndLabelsOfTheTask(t *testing.T) { // W2, W8
	for name, c := range map[string]struct {
		before  string
		options taskcli.Options
		started string
	}{
		"the same":           {ended("failed", `,"params":{"steps":5}`), taskcli.Options{}, `{"type":"old","params":{"steps":5},"labels":{"order":"1","page":"x"}}`},
		"with other params":  {ended("cancelled", `,"params":{"steps":5,"a":[1]}`), taskcli.Options{Pairs: []string{"steps=7"}, Labels: []string{"order=2", "new=1"}}, `{"type":"old","params":{"a":[1],"steps":"7"},"labels":{"new":"1","order":"2","page":"x"}}`},
		"with none of them":  {ended("completed", `,"params":{"steps":5}`), taskcli.Options{Params: `{}`}, `{"type":"old","params":{},"labels":{"order":"1","page":"x"}}`},
		"without params":     {ended("failed", `,"params":null`), taskcli.Options{}, `{"type":"old","params":null,"labels":{"order":"1","page":"x"}}`},
		"with hidden params": {ended("failed", ``), taskcli.Options{Params: `{"key":1}`}, `{"type":"old","params":{"key":1},"labels":{"order":"1","page":"x"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{final: c.before}
				c.options.Retry, c.options.Detach = id, true
				run(t, s, c.options, false).ends(t, taskcli.Completed, id+"\n")
				if diff := cmp.Diff([]string{c.started}, s.started); diff != "" {
					t.Errorf("started (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWhatCannotBeTriedAgainIsExplained(t *testing.T) { // W8
	for name, c := range map[string]struct{ before, said string }{
		"hidden params": {ended("failed", ``), "heliograph: bad usage: the type old hides the params of its tasks: give them anew, with --params\n"},
		"no end yet":    {ended("running", `,"params":null`), "heliograph: bad usage: task " + id + " is still running: a retry would run beside it\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{final: c.before}
			call := run(t, s, taskcli.Options{Retry: id}, false)
			call.ends(t, taskcli.Usage, "")
			if said := call.said(); said != c.said || len(s.started) > 0 {
				t.Errorf("%s: %q, started %q", name, said, s.started)
			}
		})
	}
}

func TestATaskThatIsThereIsFollowed(t *testing.T) { // W8
	synctest.Test(t, func(t *testing.T) {
		s := &service{final: ended("running", "")}
		s.seq = 4
		call := run(t, s, taskcli.Options{Attach: id}, false)
		s.progress(t, "more", 0.5)
		s.end(t, "failed", "null", `"no disk"`)
		call.ends(t, taskcli.Failed, "")
		if said := call.said(); !strings.Contains(said, "of type old is running") || !strings.Contains(said, "failed: no disk") || len(s.started) > 0 {
			t.Errorf("it said %q, started %q", said, s.started)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &service{final: ended("completed", "")}
		run(t, s, taskcli.Options{Attach: id}, false).ends(t, taskcli.Completed, "null\n")
	})
}

func TestAnInterruptLeavesATaskThatIsOnlyFollowed(t *testing.T) { // W8
	synctest.Test(t, func(t *testing.T) {
		s := &service{final: ended("running", "")}
		call := run(t, s, taskcli.Options{Attach: id}, true)
		call.signals <- os.Interrupt
		call.ends(t, taskcli.Left, "")
		if s.cancels != 0 {
			t.Errorf("%d cancellations", s.cancels)
		}
	})
}

func TestParamsAreReadFromAFileAndFromInput(t *testing.T) { // W8
	folder := t.TempDir()
	path, empty, large := filepath.Join(folder, "p.json"), filepath.Join(folder, "empty"), filepath.Join(folder, "large")
	for name, text := range map[string]string{path: `{"a": 1}` + "\n", empty: " \n", large: strings.Repeat(" ", 1<<20+1)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for params, said := range map[string]string{"@" + path: "", "@" + empty: "is empty", "@" + large: "over 1 MiB", "@" + folder + "/none": "no such file"} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{}
			call := run(t, s, taskcli.Options{Params: params, Detach: true}, false)
			if said != "" {
				call.ends(t, taskcli.Usage, "")
				if got := call.said(); !strings.Contains(got, "heliograph: bad usage: --params: ") || !strings.Contains(got, said) {
					t.Errorf("%s: it said %q", params, got)
				}
				return
			}
			call.ends(t, taskcli.Completed, id+"\n")
			if want := `{"type":"t","params":{"a":1}}`; len(s.started) != 1 || s.started[0] != want {
				t.Errorf("started %q", s.started)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		call := run(t, s, taskcli.Options{Params: "-", Detach: true}, false)
		call.types(t, `{"b":2}`)
		_ = call.person.Close()
		call.ends(t, taskcli.Completed, id+"\n")
		if want := `{"type":"t","params":{"b":2}}`; len(s.started) != 1 || s.started[0] != want {
			t.Errorf("started %q", s.started)
		}
	})
}
