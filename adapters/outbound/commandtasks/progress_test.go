package commandtasks_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/task"
)

// printing is an entry whose command prints text, which is written as printf
// wants it.
func printing(text string, more ...string) string {
	return shell("printf '"+strings.ReplaceAll(text, "'", `'\''`)+"'", more...)
}

func TestProgressIsReadAsTheFileSays(t *testing.T) { // T4
	for _, c := range []struct{ name, printed, how, want string }{
		{"the last line is the text", `one\n\n  two\r\nthree`, ``, `{"text":"one"} {"text":"two"} {"text":"three"}`},
		{"a progress bar's line is one, too", `10%%\r20%%\r`, `progress: text`, `{"text":"10%"} {"text":"20%"}`},
		{"nothing is read", `one\n`, `progress: none`, ``},
		{
			"JSON lines", `{"value":0.5,"text":"x"}\nnoise\n[1]\n{"level":"info"}\n{"value":"x"}\n{"done":1,"total":2,"unit":"files","stage":1,"stages":3}`,
			`progress: json`,
			`{"text":"x","value":0.5} {"stage":1,"stages":3,"done":1,"total":2,"unit":"files"}`,
		},
		{"a percentage", `  0%%\r 33%%  1MB/s\rdone\n100%%\n`, `pattern: (\d+)%`, `{"value":0} {"value":0.33} {"value":1}`},
		{
			"named groups", `read 1,000 of 4,000: a\nread 2,000 of 4,000: b\n`, `pattern: 'read (?P<done>[\d,]+) of (?P<total>[\d,]+): (?P<text>\w+)'` + "\nunit: rows",
			`{"text":"a","done":1000,"total":4000,"unit":"rows"} {"text":"b","done":2000,"total":4000,"unit":"rows"}`,
		},
		{
			"times", `Duration: 00:01:40.00, x\ntime=00:00:25.50 x\rtime=N/A\n`, `pattern: 'Duration: (?P<total>[\d:.]+)|time=(?P<done>\S+)'`,
			`{"total":100} {"done":25.5} {}`,
		},
		{"a named group beside others", `3/4 75%%\n`, `pattern: (\d+)/(\d+) (?P<percent>\d+)%`, `{"value":0.75}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, handler(t, printing(c.printed, c.how)), ``)
			if _, err := r.end(t); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, strings.Join(r.all(), " ")); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheLastResultInJSONLinesIsThatOfTheTask(t *testing.T) {
	got, err := start(t, handler(t, printing(`{"result":1}\n{"result":{"a":[2]}}\n{"result":null}\n{"text":"bye"}\n`, `progress: json`)), ``).end(t)
	if err != nil || string(got) != `null` {
		t.Errorf("Run = %s, %v", got, err)
	}
}

func TestProgressIsNoPartOfAFailuresMessage(t *testing.T) {
	_, err := start(t, handler(t, shell(`echo "{\"text\":\"x\"}"; echo "disk is full"; exit 3`, `progress: json`)), ``).end(t)
	if want := "the command ended with exit status 3:\ndisk is full"; err == nil || err.Error() != want {
		t.Errorf("Run: %v", err)
	}
}

func TestTooLongResultIsAnError(t *testing.T) {
	_, err := start(t, handler(t, shell(`printf "{\"result\":\""; head -c 2000000 /dev/zero | tr "\0" x; echo "\"}"`, `progress: json`)), ``).end(t)
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("Run: %v", err)
	}
}

func TestShellScriptReportsEveryStep(t *testing.T) {
	r := start(t, handler(t, shell(`i=0; while [ $i -le 1000 ]; do echo "{\"done\":$i,\"total\":1000}"; i=$((i+1)); done`, `progress: json`)), ``)
	if _, err := r.end(t); err != nil || len(r.all()) != 1001 {
		t.Errorf("%d reports, %v", len(r.all()), err)
	}
}

func TestRsyncReportsProgressAndStops(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		if os.Getenv("CI") == "true" { //nolint:forbidigo // CI may not pass without the check
			t.Fatal("rsync is not installed, so nothing checks the example of docs/commands.md")
		}
		t.Skip("SKIPPED: rsync is not installed, so nothing checks the example of docs/commands.md")
	}
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(from, name), strings.Repeat(name, 1<<20))
	}
	h := handler(t, `
command: [rsync, -a, --no-inc-recursive, --info=progress2, "--bwlimit=${limit}", "${from}/", "${to}/"]
params: {from: {type: string}, to: {type: string}, limit: {type: integer}}
pattern: (?P<text>(?P<percent>\d+)%)`)

	slow := start(t, h, `{"from":"`+from+`","to":"`+to+`/slow","limit":200}`)
	slow.text(t)
	slow.cancel(task.ErrCancelled)
	if _, err := slow.end(t); !errors.Is(err, task.ErrCancelled) {
		t.Errorf("cancelled: %v", err)
	}
	r := start(t, h, `{"from":"`+from+`","to":"`+to+`/copy"}`)
	if _, err := r.end(t); err != nil {
		t.Fatal(err)
	}
	if all := r.all(); len(all) < 2 || all[len(all)-1] != `{"text":"100%","value":1}` {
		t.Errorf("reports are %v", all)
	}
	if got, err := os.ReadFile(filepath.Join(to, "copy", "c")); err != nil || len(got) != 1<<20 {
		t.Errorf("the copy has %d bytes, %v", len(got), err)
	}
}
