package commands_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/outbound/commandtasks"
	"heliograph/domain/task"
)

// recorded is what the real programs print: rsync 3, ffmpeg 5.1, pg_restore 15.
var recorded = map[string]string{
	"mirror":    "cat testdata/rsync.txt",
	"transcode": "cat testdata/ffmpeg.txt >&2",
	"restore":   "cat testdata/pg_restore.txt >&2",
	"import":    "exec ./import-prices",
}

// types reads the example with programs that print script's output instead of
// working.
func types(t *testing.T, scripts map[string]string) map[string]task.Type {
	t.Helper()
	content, err := os.ReadFile("tasks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for name, program := range map[string]string{"mirror": "rsync", "transcode": "ffmpeg", "restore": "pg_restore", "import": "import-prices"} {
		script := "#!/bin/sh\ncd '" + here + "' || exit 9\n" + scripts[name] + "\n"
		if err := os.WriteFile(filepath.Join(bin, program), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := bin + ":/usr/bin:/bin"
	t.Setenv("PATH", path)
	lookup := func(name string) (string, bool) { return path, name == "PATH" }
	// The folders of the example are not on every machine.
	content = []byte(strings.NewReplacer("/srv/videos", here, "/var/backups", here).Replace(string(content)))
	all, err := commandtasks.Parse("tasks.yaml", content, commandtasks.Host{Grace: 30 * time.Second, Lookup: lookup, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]task.Type{}
	for _, typ := range all {
		byName[typ.Name] = typ
	}
	return byName
}

// progress is the Reporter of a run: it keeps every text and the progress that
// has come of all reports.
type progress struct {
	texts []string
	now   task.Progress
}

func (p *progress) Report(text string, value float64) {
	p.Update(task.Update{Text: &text, Value: &value})
}
func (p *progress) Text(text string)    { p.Update(task.Update{Text: &text}) }
func (p *progress) Value(value float64) { p.Update(task.Update{Value: &value}) }

func (p *progress) Update(u task.Update) {
	if u.Text != nil {
		p.texts = append(p.texts, *u.Text)
	}
	p.now = p.now.With(u.Usable())
}

func TestProgressIsReadOfWhatTheProgramsPrint(t *testing.T) { // T4
	for _, c := range []struct {
		name, params, result string
		want                 task.Progress
		texts                int
	}{
		{"mirror", `{"folder":"photos"}`, ``, task.Progress{Value: 1}, 0},
		{
			"transcode", `{"video":"a.mp4"}`, ``,
			task.Progress{Value: 19.96 / 20, Done: 19.96, Total: 20, Unit: "s"},
			0,
		},
		{
			"restore", `{"database":"shop","dump":"shop.dump"}`, ``,
			task.Progress{Text: `creating CONSTRAINT "public.pgbench_tellers pgbench_tellers_pkey"`},
			11,
		},
		{
			"import", `{"list":"https://example.com/prices"}`, `{"prices": 3, "dry_run": false}`,
			task.Progress{Text: "storing", Value: 1, Stage: 2, Stages: 2, Done: 3, Total: 3, Unit: "prices"},
			2,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &progress{}
			result, err := types(t, recorded)[c.name].Handler.Run(t.Context(), json.RawMessage(c.params), p)
			if err != nil || string(result) != c.result || len(p.texts) != c.texts {
				t.Errorf("Run = %s, %v, with the texts %q", result, err, p.texts)
			}
			if diff := cmp.Diff(c.want, p.now); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFailureSaysWhatTheProgramSaid(t *testing.T) { // T5
	failing := types(t, map[string]string{"restore": "cat testdata/pg_restore_fail.txt >&2; exit 1"})
	_, err := failing["restore"].Handler.Run(t.Context(), json.RawMessage(`{"database":"shop","dump":"shop.dump"}`), &progress{})
	const want = `ERROR:  relation "pgbench_accounts" already exists`
	if err == nil || !strings.HasPrefix(err.Error(), "the command ended with exit status 1:\n") || !strings.Contains(err.Error(), want) {
		t.Errorf("Run = %v", err)
	}
}

func TestParamsCannotEscapeTheirFolder(t *testing.T) {
	all := types(t, recorded)
	for name, bad := range map[string]string{
		"mirror": `{"folder":"../etc"}`, "transcode": `{"video":"../../etc/passwd"}`,
		"restore": `{"database":"shop","dump":"-f/etc/passwd"}`, "import": `{}`, "thumbnails": `{"picture":1}`,
	} {
		if err := all[name].Handler.Check(json.RawMessage(bad)); err == nil {
			t.Errorf("%s takes %s", name, bad)
		}
	}
}
