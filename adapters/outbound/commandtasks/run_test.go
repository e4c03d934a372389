package commandtasks_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heliograph/domain/task"
)

func TestTheResultIsWhatTheProgramPrintedAsOne(t *testing.T) { // T5
	for _, c := range []struct{ entry, want string }{
		{shell(`true`), ``},
		{shell(`echo "{\"result\":1}"`), ``}, // as a text
		{shell(`echo "{\"result\":{\"a\":1.50}}"`, `progress: json`), `{"a":1.50}`},
		{shell(`echo "{\"result\":[]}"`, `progress: json`, `result: printed`), `[]`},
		{shell(`true`, `result: wrapped`), `{"exit_code":0}`},
		{shell(`echo "{\"result\":[1]}"`, `progress: json`, `result: wrapped`), `{"exit_code":0,"result":[1]}`},
		{shell(`echo "{\"error\":\"no matter\"}"; echo "{\"result\":[1]}"`, `progress: json`), `[1]`},
	} {
		got, err := start(t, handler(t, c.entry), ``).end(t)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.entry, got, err, c.want)
		}
	}
}

func TestAProgramTellsPeopleWhyItHasFailed(t *testing.T) { // T5
	const traceback = `echo "Traceback: line 1" >&2; exit 3`
	for _, c := range []struct{ entry, want, code string }{
		{shell(`echo "{\"error\":\"There is no such list.\"}"; ` + traceback), "There is no such list.", task.CodeFailed},
		{shell(`echo "{\"error\":\"No list\",\"code\":\"NO_LIST\"}"; `+traceback, `progress: json`), "No list", "NO_LIST"},
		{shell(`echo "{\"error\":\"No list\",\"code\":\"no such\"}"; `+traceback, `pattern: "(.*)%"`), "No list", task.CodeFailed},
		{shell(`echo "{\"error\":\"first\"}"; echo "{\"error\":\"last\"}"; `+traceback, `progress: json`), "last", task.CodeFailed},
	} {
		_, err := start(t, handler(t, c.entry), ``).end(t)
		if err == nil || err.Error() != c.want || task.CodeOf(err) != c.code {
			t.Errorf("%s: %v (%s), want %s (%s)", c.entry, err, task.CodeOf(err), c.want, c.code)
		}
	}
	if text := logged.String(); !strings.Contains(text, "exit status 3") || !strings.Contains(text, "Traceback: line 1") {
		t.Errorf("logged is %s", text)
	}
	for _, c := range []struct{ entry, want string }{ // what is none
		{shell(`echo "{\"error\":\"x\",\"level\":\"warn\"}"; exit 1`), "the command ended with exit status 1:\n" + `{"error":"x","level":"warn"}`},
		{shell(`echo "{\"error\":\"x\"}" >&2; exit 1`), "the command ended with exit status 1:\n" + `{"error":"x"}`},
		{shell(`echo "{\"error\":\"x\"}"; exit 1`, `progress: none`), "the command ended with exit status 1:\n" + `{"error":"x"}`},
		{shell(`echo "{\"error\":\"\"}"; exit 1`), "the command ended with exit status 1:\n" + `{"error":""}`},
		{shell(`echo "{\"error\":1}"; exit 1`), "the command ended with exit status 1:\n" + `{"error":1}`},
	} {
		if _, err := start(t, handler(t, c.entry), ``).end(t); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.entry, err, c.want)
		}
	}
}

func TestACommandIsToldWhichTaskItRuns(t *testing.T) {
	script := `echo "$HELIOGRAPH_TASK_ID, $HELIOGRAPH_ATTEMPT, $HELIOGRAPH_LABELS, $PYTHONUNBUFFERED"; exit 1`
	of := &task.Execution{ID: "t", Attempt: 2, Labels: task.Labels{"page": `a"b`}, Owner: "ann"}
	for _, c := range []struct {
		of          *task.Execution
		entry, want string
	}{
		{of, shell(script), `t, 2, {"page":"a\"b"}, 1`},
		{&task.Execution{ID: "u", Attempt: 1}, shell(script), `u, 1, {}, 1`},
		{of, shell(script, `env: {HELIOGRAPH_ATTEMPT: "7", PYTHONUNBUFFERED: ""}`), `t, 7, {"page":"a\"b"}, `},
		{nil, shell(script), `, , , 1`},
	} {
		ctx := t.Context()
		if c.of != nil {
			ctx = task.NewContext(ctx, *c.of)
		}
		_, err := handler(t, c.entry).Run(ctx, nil, newReports())
		if want := "the command ended with exit status 1:\n" + strings.TrimRight(c.want, " "); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", c.entry, err, want)
		}
	}
}

func TestAFailureSaysHowItEndedAndWhatItPrintedLast(t *testing.T) { // T5
	for _, c := range []struct{ script, want string }{
		{`exit 7`, "the command ended with exit status 7"},
		{`echo first; echo second; exit 1`, "the command ended with exit status 1:\nfirst\nsecond"},
		{`echo wrong >&2; exit 1`, "the command ended with exit status 1:\nwrong"},
		{`printf 'no end'; exit 1`, "the command ended with exit status 1:\nno end"},
		{`kill -9 $$`, "the command ended with signal: killed"},
		{`printf '1%%\r2%%\r\n\r\n3%%\rbad\n'; exit 1`, "the command ended with exit status 1:\n2%\nbad"},
		{`printf '\033[1;31mred\033[0m\a \377\376\n'; exit 1`, "the command ended with exit status 1:\nred \uFFFD"},
	} {
		_, err := start(t, handler(t, shell(c.script)), ``).end(t)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %q, want %q", c.script, err, c.want)
		}
	}
}

func TestTheTailIsBounded(t *testing.T) { // E8
	_, err := start(t, handler(t, shell(`i=0; while [ $i -lt 5000 ]; do echo "line $i"; i=$((i+1)); done; exit 1`)), ``).end(t)
	if err == nil || len(err.Error()) > 2200 || !strings.HasSuffix(err.Error(), "\nline 4998\nline 4999") {
		t.Errorf("%d bytes: %v", len(err.Error()), err)
	}
	_, err = start(t, handler(t, shell(`head -c 3000000 /dev/zero | tr '\0' x; exit 1`)), ``).end(t)
	if err == nil || len(err.Error()) > 2200 || !strings.HasSuffix(err.Error(), "xxx") {
		t.Errorf("%d bytes: %.200v", len(err.Error()), err)
	}
}

func TestAFolderThatIsGoneIsNamed(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "gone")
	_, err := start(t, handler(t, "command: [sh]\nfolder: "+folder), ``).end(t)
	if err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("Run = %v", err)
	}
}

func TestAProgramThatCannotBeStartedFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	write(t, path, "#!/nowhere/at/all\n")
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := start(t, handler(t, `command: ["`+path+`"]`), ``).end(t)
	if err == nil || !strings.HasPrefix(err.Error(), "the command could not be started: ") {
		t.Errorf("Run = %v", err)
	}
}

func TestCommandsGetNothingOfTheServicesSecrets(t *testing.T) {
	r := start(t, handler(t, shell(`env | grep -v "^_=\|^PWD=\|^SHLVL=\|^OLDPWD=" | sort | tr "\n" " "`,
		`params: {level: {type: integer}, absent: {type: string}}`,
		`env: {LEVEL: "at ${level}", ABSENT: "${absent}", HOME: /nowhere}`, `inherit: [TOKEN_FILE, UNSET]`)), `{"level":5}`)
	if got, want := r.text(t), "HOME=/nowhere LEVEL=at 5 PATH=/usr/bin:/bin PYTHONUNBUFFERED=1 TOKEN_FILE=/run/token"; got != want {
		t.Errorf("the environment is %s, want %s", got, want)
	}
}

func TestCommandsHaveNoInputAndTheirFolder(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, handler(t, shell(`cat; pwd`, `folder: "`+folder+`"`)), ``)
	if got := r.text(t); got != folder {
		t.Errorf("it said %q, want %q", got, folder)
	}
}

func TestParamsAreNeverSplitNorReadByAShell(t *testing.T) {
	h := handler(t, `
command: [sh, -c, 'for a; do echo "<$a>"; done', sh, a, "${text}", "--x=${text}", [--opt, "${absent}"], "${list}", [--yes, "${flag}"], "$${text}"]
params: {text: {type: string}, absent: {type: string}, list: {type: array}, flag: {type: boolean}}`)
	r := start(t, h, `{"text":"a b; $(reboot) 'q' \"é\n*","list":[1, "x"],"flag":true}`)
	if _, err := r.end(t); err != nil {
		t.Fatal(err)
	}
	close(r.texts)
	var got []string
	for text := range r.texts {
		got = append(got, text)
	}
	want := `<a>|<a b; $(reboot) 'q' "é|*>|<--x=a b; $(reboot) 'q' "é|*>|<[1, "x"]>|<--yes>|<true>|<${text}>`
	if strings.Join(got, "|") != want {
		t.Errorf("the arguments were\n%s, want\n%s", strings.Join(got, "|"), want)
	}
}

func TestCancellingEndsTheWholeGroup(t *testing.T) { // T7
	dir := t.TempDir()
	h := handler(t, shell(`sh -c 'trap "echo cleaned >`+dir+`/child; exit" TERM; echo ready; while :; do sleep 0.01; done' & wait`))
	r := start(t, h, ``)
	r.text(t)
	r.cancel(task.ErrCancelled)
	if got, err := r.end(t); !errors.Is(err, task.ErrCancelled) {
		t.Errorf("Run = %s, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "child")); err != nil {
		t.Errorf("the child could not clean up: %v", err)
	}
}

func TestCommandThatIgnoresSIGTERMIsKilled(t *testing.T) { // T7
	r := start(t, handler(t, shell(`trap "" TERM; echo ready; while :; do sleep 0.01; done`, `kill_after: 50ms`)), ``)
	r.text(t)
	r.cancel(task.ErrTimeLimit)
	if got, err := r.end(t); !errors.Is(err, task.ErrTimeLimit) {
		t.Errorf("Run = %s, %v", got, err)
	}
}

func TestACommandThatEndedWellBeforeItsCancellationIsCompleted(t *testing.T) { // T7
	r := start(t, handler(t, shell(`echo done`)), ``)
	_, err := r.end(t)
	r.cancel(task.ErrCancelled)
	if err != nil {
		t.Error(err)
	}
}

func TestRunWithAnEndedContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(task.ErrCancelled)
	path := filepath.Join(t.TempDir(), "file")
	_, err := handler(t, `command: [touch, "`+path+`"]`).Run(ctx, nil, newReports())
	if _, stat := os.Stat(path); !errors.Is(err, task.ErrCancelled) || stat == nil {
		t.Errorf("Run = %v, and the file: %v", err, stat)
	}
}
