package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const anID = "0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a"

func TestCommandsOfClientsSendWhatTheirFlagsSay(t *testing.T) { // W8
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+r.Header.Get("Idempotency-Key")+" "+string(body)))
		answers := map[string]string{
			"/api/tasks/" + anID:          `{"task_id":"` + anID + `","type":"t","status":"failed","params":null,"labels":{}}`,
			"/api/connections":            `{"connections":[{"request_id":"tab-1"}]}`,
			"/api/task-types":             `{"task_types":[]}`,
			"/api/tasks/cancel":           `{"cancelled":0}`,
			"/api/tasks/x/cancel":         `{}`,
			"/api/connections/disconnect": `{}`,
		}
		answer, ok := answers[r.URL.Path]
		if !ok && r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			answer = `{"task_id":"` + anID + `","status":"pending"}`
		} else if !ok {
			answer = `{"tasks":[],"next_cursor":null}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	for command, want := range map[string]string{
		"start t a=1 -p b=x --label k=v --key k1 --delay 90s": `GET /api/task-types | POST /api/tasks k1 {"type":"t","params":{"a":"1","b":"x"},"labels":{"k":"v"},"delay":90}`,
		`start t --params {"a":1} --json`:                     `POST /api/tasks  {"type":"t","params":{"a":1}}`,
		"start t --params -":                                  `POST /api/tasks  {"type":"t","params":{"from":"stdin"}}`,
		"retry " + anID:                                       `GET /api/tasks/` + anID + `?include=params | POST /api/tasks  {"type":"t","params":null}`,
		"tasks -s failed -t x -l k=v -n 3":                    `GET /api/tasks?label=k%3Av&limit=4&status=failed&type=x`,
		"tasks --all":                                         `GET /api/tasks?limit=200`,
		"task " + anID + " --json --token abc":                `GET /api/tasks/` + anID + `?include=params Bearer abc`,
		"cancel -t x":                                         `POST /api/tasks/cancel?type=x`,
		"cancel x":                                            `POST /api/tasks/x/cancel`,
		"remove x":                                            `DELETE /api/tasks/x`,
		"connections --subject ann":                           `GET /api/connections?limit=1000&subject=ann`,
		"connections --behind":                                `GET /api/connections?behind=true&limit=1000`,
		"connections list --node a":                           `GET /api/connections?limit=1000&node=a`,
		"connections end tab-1":                               `GET /api/connections?limit=1000&request_id=tab-1 | POST /api/connections/disconnect  {"request_id":"tab-1"}`,
		"types --list":                                        `GET /api/task-types?include=result_schema`,
	} {
		got = nil
		var out, said strings.Builder
		p := program{
			args: append(strings.Fields(command), "--url", server.URL), environ: map[string]string{}, stdin: strings.NewReader(`{"from":"stdin"}`),
			stdout: &out, stderr: &said,
		}
		status := p.run(t.Context())
		if diff := cmp.Diff(want, strings.Join(got, " | ")); diff != "" || status != 0 {
			t.Errorf("%s: exit status %d, %s%s (-want +got):\n%s", command, status, &out, &said, diff)
		}
	}
}

func TestCommandsOfClientsHaveTheirExitStatuses(t *testing.T) { // W8
	for _, c := range []struct {
		args   string
		status int
		said   string
	}{
		{"start", 2, `expected "<type>"`},
		{"start t noequals --url http://127.0.0.1:1", 4, "cannot be reached"},
		{"start t --params [] --url http://127.0.0.1:1", 2, "bad usage: --params"},
		{"retry", 2, `expected "<id>"`},
		{"retry x --url http://127.0.0.1:1", 4, "cannot be reached"},
		{"tasks --slowly", 2, "unknown flag"},
		{"tasks --url nowhere", 2, "--url"},
		{"tasks --since soon", 2, "--since"},
		{"tasks --url http://127.0.0.1:1", 4, "cannot be reached"},
		{"task", 2, `expected "<id>"`},
		{"task x --output --url http://127.0.0.1:1", 4, "cannot be reached"},
		{"task x --follow --url http://127.0.0.1:1", 4, "cannot be reached"},
		{"cancel", 2, "want the IDs"},
		{"remove", 2, "expected"},
		{"watch --url http://127.0.0.1:1", 4, "cannot be reached"},
		{"watch --label x", 2, "--label"},
		{"connections --what", 2, "unknown flag"},
		{"connections end", 2, "expected"},
		{"types --list --url http://127.0.0.1:1", 4, "cannot be reached"},
	} {
		status, stdout, stderr := call(t, nil, strings.Fields(c.args)...)
		if status != c.status || stdout != "" || !strings.HasPrefix(stderr, "heliograph: ") || !strings.Contains(stderr, c.said) {
			t.Errorf("%s: exit status %d, %q, %q", c.args, status, stdout, stderr)
		}
	}
}

func TestCommandsOfClientsHaveExamplesInTheirHelp(t *testing.T) { // W8
	for _, command := range []string{"run", "start", "retry", "tasks", "task", "cancel", "remove", "types", "watch", "connections", "connections end", "publish"} {
		status, stdout, stderr := call(t, nil, append(strings.Fields(command), "--help")...)
		if status != 0 || stderr != "" || !strings.Contains(stdout, "Exit status: 0") || !strings.Contains(stdout, "  heliograph "+command) {
			t.Errorf("%s: exit status %d, %q:\n%s", command, status, stderr, stdout)
		}
		if !strings.Contains(stdout, "--json") && command != "connections" {
			t.Errorf("%s has no --json", command)
		}
	}
}

func TestCompletionKnowsTheCommandLine(t *testing.T) { // W8
	for words, want := range map[string]string{
		"ta":                     "tasks task",
		"connections ":           "list end",
		"connections e":          "end",
		"connections --sub":      "--subject",
		"connections list --sub": "--subject",
		"tasks --st":             "--status",
		"tasks --status ":        "pending running completed failed cancelled",
		"tasks --status c":       "completed cancelled",
		"tasks --status = c":     "completed cancelled",
		"tasks --status=c":       "--status=completed --status=cancelled",
		"tasks -s fa":            "failed",
		"tasks --all --js":       "--json",
		"tasks --type x --js":    "--json",
		"tasks --url ":           "",
		"tasks --nothing=":       "",
		"start --json --wa":      "--wait",
		"start t -- --wa":        "",
		"completion ":            "bash zsh fish",
		"config g":               "gateway",
		"__":                     "",
		"no such ":               "",
	} {
		args := append([]string{"__complete", "--"}, strings.Split(words, " ")...)
		status, stdout, stderr := call(t, nil, args...)
		var got []string
		for line := range strings.Lines(stdout) {
			word, _, _ := strings.Cut(line, "\t")
			got = append(got, word)
		}
		if status != 0 || stderr != "" || strings.Join(got, " ") != want {
			t.Errorf("%q: exit status %d, %q, want %q; %s", words, status, got, want, stderr)
		}
	}
	if _, stdout, _ := call(t, nil, "__complete", "--", "watc"); stdout != "watch\tShow what comes over a stream of a running service, as it comes\n" {
		t.Errorf("with its help: %q", stdout)
	}
	if _, stdout, _ := call(t, nil, "__complete"); !strings.Contains(stdout, "serve\t") {
		t.Errorf("without a word: %q", stdout)
	}
}

func TestCompletionScriptsAreOfTheirShells(t *testing.T) { // W8
	for _, shell := range []string{"bash", "zsh", "fish"} {
		status, script, stderr := call(t, nil, "completion", shell)
		if status != 0 || stderr != "" || !strings.Contains(script, "__complete --") {
			t.Errorf("%s: exit status %d, %q, %q", shell, status, script, stderr)
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("without %s its script is not parsed", shell)
			continue
		}
		check := exec.CommandContext(t.Context(), path, "-n")
		check.Stdin = strings.NewReader(script)
		if said, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s does not take it: %v: %s", shell, err, said)
		}
	}
	if status, _, _ := call(t, nil, "completion", "tcsh"); status != 1 {
		t.Errorf("of an unknown shell: exit status %d", status)
	}
}
