package e2e_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// commandsOf returns a function that runs heliograph against s.
func commandsOf(s *service, env ...string) func(t *testing.T, args ...string) (status int, stdout, stderr string) {
	return func(t *testing.T, args ...string) (int, string, string) {
		t.Helper()
		return heliograph(t, env, append(args, "--url", s.url)...)
	}
}

// printingJob is a type of tasks that prints, and one that hides its params.
const printingJob = `tasks:
  print:
    params: {words: {type: string}}
    command: [sh, -c, 'echo first; echo "$0"', "${words}"]
    output: true
  secret:
    params: {key: {type: string}}
    hide_params: true
    command: ["true"]
`

func TestTasksAreLookedAfterFromATerminal(t *testing.T) { // W8
	t.Parallel()
	s := start(t, commandsFile(t, printingJob), "PATH=/usr/bin:/bin")
	run := commandsOf(s)
	must := func(status int, stdout, said string, args ...string) string {
		t.Helper()
		got, out, errs := run(t, args...)
		if got != status || !strings.Contains(out, stdout) || !strings.Contains(errs, said) {
			t.Errorf("%s: exit status %d, %q, %q; want %d, %q, %q", args, got, out, errs, status, stdout, said)
		}
		return strings.TrimSpace(out)
	}
	failed := must(0, "", "", "start", "failing_task", "error_message=no disk", "--label", "page=x")
	must(1, "", "failed: no disk", "task", failed, "--follow")
	must(0, failed+"  failed", "", "tasks", "--status", "failed", "--label", "page=x", "--since", "1h")
	if listed := decode[taskStatus](t, must(0, "", "", "tasks", "--json")); listed.TaskID != failed {
		t.Errorf("listed is %+v", listed)
	}
	sheet := must(0, "error     no disk\n", "", "task", failed)
	for _, want := range []string{"labels    page=x\n", `params    {"error_message":"no disk"}`, "code      TASK_FAILED\n"} {
		if !strings.Contains(sheet, want) {
			t.Errorf("no %q in:\n%s", want, sheet)
		}
	}
	again := must(1, "", "failed: now another", "retry", failed, "-p", "error_message=now another", "--wait", "--json")
	if got := decode[struct {
		taskStatus

		Labels map[string]string
	}](t, again); got.TaskID == failed || got.Labels["page"] != "x" {
		t.Errorf("the retry is %s", again)
	}
	must(0, "", "is removed", "remove", failed)
	must(1, "", "TASK_NOT_FOUND", "task", failed)
	must(1, "", "TASK_NOT_FOUND", "task", failed, "--output")
	must(2, "", "TASK_NOT_FOUND", "retry", failed)

	printed := must(0, "", "", "start", "print", "words=two  words", "--wait", "--json")
	id := decode[taskStatus](t, printed).TaskID
	if _, out, _ := run(t, "task", id, "--output"); out != "first\ntwo  words\n" {
		t.Errorf("the output is %q", out)
	}
	if _, out, _ := run(t, "task", id, "--output", "--follow"); out != "first\ntwo  words\n" {
		t.Errorf("the output, followed, is %q", out)
	}
	must(0, "| two  words\n", "", "task", id)

	hidden := decode[taskStatus](t, must(0, "", "", "start", "secret", "key=k", "--wait", "--json")).TaskID
	must(0, "(its type hides them)", "", "task", hidden)
	must(2, "", "hides the params", "retry", hidden)
	must(0, "", "", "retry", hidden, "--params", `{"key":"k2"}`)

	later := must(0, "", "", "start", "demo_task", "--delay", "1h")
	must(2, "", "still pending", "retry", later)
	must(1, "", "TASK_NOT_FINISHED", "remove", later)
	must(0, `{"cancelled":1}`, "", "cancel", "--type", "demo_task", "--status", "pending", "--json")
	must(1, "", "TASK_NOT_CANCELLABLE", "cancel", later)
	must(0, "demo_task", "", "types", "--list")
	if types := must(0, "", "", "types", "--json"); !json.Valid([]byte(types)) {
		t.Errorf("the types are %s", types)
	}
}

func TestCommandsOfClientsCarryTheCredential(t *testing.T) { // A4, A9, W8
	t.Parallel()
	s := start(t, secured()...)
	for _, c := range []struct {
		scopes string
		args   string
		status int
		said   string
	}{
		{"tasks:read", "tasks", 0, "no tasks"},
		{"tasks:start", "tasks", 2, "tasks:read"},
		{"tasks:read", "start demo_task", 2, "tasks:start"},
		{"tasks:start", "start demo_task --delay 1h", 0, ""},
		{"tasks:read", "cancel --type demo_task", 2, "tasks:cancel"},
		{"tasks:cancel", "cancel --type demo_task", 0, "cancelled: 1"},
		{"tasks:read", "types --list", 0, ""},
		{"tasks:read", "watch", 2, "stream"},
		{"tasks:read", "connections end x", 2, "admin"},
		{"admin", "connections end x", 1, "no open stream has the request_id x"},
		{allScopes, "connections", 2, "admin"},
		{"admin", "connections", 0, "no connections"},
	} {
		run := commandsOf(s, "HELIOGRAPH_TOKEN="+tokenOf(t, "ann", claims{"scope": c.scopes}))
		if status, out, said := run(t, strings.Fields(c.args)...); status != c.status || !strings.Contains(said, c.said) {
			t.Errorf("%s with %s: exit status %d, %q, %q", c.args, c.scopes, status, out, said)
		}
	}
	for _, command := range []string{"tasks", "watch", "connections", "types --json", "task x", "cancel x"} {
		if status, out, said := commandsOf(s)(t, strings.Fields(command)...); status != 2 || out != "" || !strings.Contains(said, "UNAUTHORIZED") {
			t.Errorf("%s without a credential: exit status %d, %q, %q", command, status, out, said)
		}
	}
}

func TestNobodySeesTheTasksOfOthersFromATerminal(t *testing.T) { // A9, A12, W8
	t.Parallel()
	s := start(t, secured()...)
	ann, bob := commandsOf(s, "HELIOGRAPH_TOKEN="+tokenOf(t, "ann", nil)), commandsOf(s, "HELIOGRAPH_TOKEN="+tokenOf(t, "bob", nil))
	_, id, _ := ann(t, "start", "demo_task", "--wait", "--json")
	id = decode[taskStatus](t, id).TaskID
	if status, out, _ := ann(t, "task", id); status != 0 || !strings.Contains(out, id) {
		t.Errorf("its own: exit status %d, %s", status, out)
	}
	for _, args := range []string{"task " + id, "cancel " + id, "remove " + id, "task " + id + " --output"} {
		if status, out, said := bob(t, strings.Fields(args)...); status != 1 || out != "" || !strings.Contains(said, "TASK_NOT_FOUND") {
			t.Errorf("another's, %s: exit status %d, %q, %q", args, status, out, said)
		}
	}
	if status, out, said := bob(t, "tasks", "--all"); status != 0 || out != "" || said != "heliograph: no tasks\n" {
		t.Errorf("another's list: exit status %d, %q, %q", status, out, said)
	}
}

func TestConnectionsAreListedAndEndedFromATerminal(t *testing.T) { // W6, W8, A18
	t.Parallel()
	withEachGateway(t, func(t *testing.T, start starter) {
		s := start(t)
		run := commandsOf(s)
		for _, id := range []string{"tab-1", "tab-2", "other"} {
			s.stream(t, id)
		}
		list := func(args ...string) (ids []string) {
			status, out, said := run(t, append([]string{"connections", "--json"}, args...)...)
			if status != 0 || said != "" {
				t.Errorf("%s: exit status %d, %q, %q", args, status, out, said)
			}
			for line := range strings.Lines(out) {
				ids = append(ids, decode[struct {
					RequestID string `json:"request_id"`
				}](t, line).RequestID)
			}
			slices.Sort(ids)
			return ids
		}
		if got := list(); !slices.Equal(got, []string{"other", "tab-1", "tab-2"}) {
			t.Errorf("listed are %q", got)
		}
		if status, out, said := run(t, "connections", "--request-id", "tab-", "--limit", "1"); status != 0 || strings.Count(out, "\n") != 2 || !strings.Contains(said, "there are more") {
			t.Errorf("one of two: exit status %d, %q, %q", status, out, said)
		}
		if status, out, said := run(t, "connections", "end", "tab-1"); status != 0 || out != "" {
			t.Errorf("exit status %d, %q, %q", status, out, said)
		}
		eventually(t, "tab-1 is gone", func() bool { return slices.Equal(list("--request-id", "tab-"), []string{"tab-2"}) })
	})
}

func TestCompletionWorksInBash(t *testing.T) { // W8
	t.Parallel()
	const script = `source <("$0" completion bash); COMP_WORDS=("$0" tasks --status fa); COMP_CWORD=3; _heliograph; echo "${COMPREPLY[@]}"`
	out, err := exec.CommandContext(t.Context(), program(t, "bash"), "-c", script, binary(t)).CombinedOutput()
	if err != nil || string(out) != "failed\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// The commands of docs/cli.md do what it says, one after the other.
func TestTheCommandsOfTheCLIPage(t *testing.T) { // W8
	t.Parallel()
	program(t, "bash")
	s := start(t)
	s.stream(t, "tab-4711").awaitNamed(t, "task_snapshot") // which one of them ends
	out, err := shell(t, t.TempDir(), "set -eo pipefail\n"+documentedIn(t, "../../docs/cli.md", "cli", s.addr)).CombinedOutput()
	if err != nil {
		t.Fatalf("they end with %v:\n%s", err, out)
	}
	for _, want := range []string{
		`{"message":"default message","steps_completed":2,"status":"success"}`, "error     no disk\n", `params    {"error_message":"no disk"}`, `"params":{"error_message":"no disk"}`,
		"heliograph: cancelled: 1", "is removed", "failed: another\nit ended with 1\n", "long_running_task  check_interval total_time", `{"task_types":[`, "the stream with the request_id tab-4711 ends now",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("they do not print %q, but:\n%s", want, out)
		}
	}
}
