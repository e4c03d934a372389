package managecli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"heliograph/adapters/inbound/managecli"
	"heliograph/adapters/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a"

// service is an HTTP handler that answers by the method, the path and the query, and keeps
// what it was asked.
type service struct {
	answers map[string]string // a body, or "!404 CODE"; "<" is how one with output begins, behind its headers
	asked   []string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.Method + " " + r.URL.String()
	s.asked = append(s.asked, what)
	answer, ok := s.answers[what]
	var status int
	var code string
	switch {
	case !ok:
		w.WriteHeader(http.StatusTeapot)
	case strings.HasPrefix(answer, "!"):
		_, _ = fmt.Sscanf(answer, "!%d %s", &status, &code)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":{"code":%q,"message":"no"}}`, code)
	default:
		headers, body, found := strings.Cut(answer, "<")
		if !found || !strings.HasPrefix(headers, "Stream-") {
			headers, body = "", answer
		}
		for header := range strings.FieldsSeq(headers) {
			name, value, _ := strings.Cut(header, "=")
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, body)
	}
}

// use calls do with a terminal of that width and s, and returns what was printed.
func use(t *testing.T, s *service, width int, do func(managecli.Service, managecli.Terminal) int) (status int, out, said string) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var stdout, stderr strings.Builder
	status = do(cli.Service{URL: server.URL}, cli.Terminal{
		Out: &stdout, Err: &stderr, Width: func() int { return width }, Height: func() int { return 24 }, Transport: transport,
	})
	return status, stdout.String(), stderr.String()
}

// entry is a task in a list, whose fields more adds to or changes.
func entry(taskID, status, more string) string {
	return fmt.Sprintf(`{"task_id":%q,"type":"import","created_at":"2026-01-02T03:04:04Z","status":%q,"cancel_requested":false,"start_time":null,"end_time":null,`+
		`"result":null,"error":null,"code":null,"progress":{"text":"","value":0},"seq":1,"attempt":1,"labels":{},"run_at":null,"next_at":null,"node":null,"worker":null%s}`, taskID, status, more)
}

func list(o managecli.ListOptions) func(*testing.T, *service, int) (int, string, string) {
	return func(t *testing.T, s *service, width int) (int, string, string) {
		t.Helper()
		return use(t, s, width, func(to managecli.Service, term managecli.Terminal) int {
			return managecli.List(t.Context(), to, o, term)
		})
	}
}

func TestTasksAreListed(t *testing.T) { // W8
	long := strings.Repeat("x", 100)
	s := &service{answers: map[string]string{"GET /api/tasks?limit=51": `{"tasks":[` + strings.Join([]string{
		entry("a", "running", `,"progress":{"text":"Step 2/5","value":0.4,"done":2,"total":5}`), entry("b", "running", `,"cancel_requested":true`),
		entry("c", "failed", `,"error":"`+long+`","labels":{"page":"x","a":"b"}`), entry("d", "completed", `,"start_time":"2026-01-02T03:04:04Z","end_time":"2026-01-02T03:04:06.5Z"`),
		entry("e", "pending", ``), entry("f", "cancelled", ``),
	}, ",") + `],"next_cursor":null}`}}
	status, out, said := list(managecli.ListOptions{Limit: 50})(t, s, 80)
	lines := strings.Split(out, "\n")
	if status != 0 || said != "" || len(lines) != 8 {
		t.Fatalf("exit status %d, %q:\n%s", status, said, out)
	}
	for i, want := range []string{"ID  STATUS     TYPE    CREATED", "40 %, 2/5", "stopping", "xx…", "after 2.5s", "pending", "cancelled"} {
		if !strings.Contains(lines[i], want) || len([]rune(lines[i])) > 80 {
			t.Errorf("no %q in %q", want, lines[i])
		}
	}
	if _, out, _ = list(managecli.ListOptions{Limit: 50})(t, s, 0); !strings.Contains(out, long+"  a=b page=x\n") {
		t.Errorf("without a terminal something is cut:\n%s", out)
	}
}

func TestTasksAreSelected(t *testing.T) { // W8
	now := time.Now().UTC()
	at := func(ago time.Duration) string {
		return `,"created_at":"` + now.Add(-ago).Format(time.RFC3339Nano) + `"`
	}
	pages := map[string]string{
		"GET /api/tasks?limit=200":          `{"tasks":[` + entry("a", "failed", at(time.Minute)) + `,` + entry("b", "failed", at(2*time.Hour)) + `],"next_cursor":"n"}`,
		"GET /api/tasks?cursor=n&limit=200": `{"tasks":[` + entry("c", "failed", at(72*time.Hour)) + `],"next_cursor":null}`,
		"GET /api/tasks?limit=2":            `{"tasks":[` + entry("a", "failed", "") + `,` + entry("b", "failed", "") + `],"next_cursor":"n"}`,
		"GET /api/tasks?label=order%3A4711&label=page%3Ax&limit=200&status=failed&type=import": `{"tasks":[],"next_cursor":null}`,
	}
	for name, c := range map[string]struct {
		options managecli.ListOptions
		ids     string
		said    string
		asked   int
	}{
		"all of them":       {managecli.ListOptions{}, "abc", "", 2},
		"since a while ago": {managecli.ListOptions{Since: "90m"}, "a", "", 1},
		"since some days":   {managecli.ListOptions{Since: "1d"}, "ab", "", 2},
		"since a time":      {managecli.ListOptions{Since: now.Add(-100 * time.Hour).Format(time.RFC3339)}, "abc", "", 2},
		"some of them":      {managecli.ListOptions{Limit: 1}, "a", "heliograph: there are more: --limit N or --all lists them\n", 1},
		"by everything": {
			managecli.ListOptions{Selection: managecli.Selection{Status: "failed", Type: "import", Labels: []string{"page=x", "order=4711"}}},
			"",
			"heliograph: no tasks\n", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{answers: pages}
			status, out, said := list(c.options)(t, s, 0)
			ids := ""
			for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
				if i > 0 {
					ids += line[:1]
				}
			}
			if status != 0 || ids != c.ids || said != c.said || len(s.asked) != c.asked {
				t.Errorf("exit status %d, tasks %s, %q, asked %q", status, ids, said, s.asked)
			}
		})
	}
}

func TestTasksAsJSONAreThoseOfTheAPI(t *testing.T) { // W8
	one, two := entry("a", "failed", ""), entry("b", "running", "")
	s := &service{answers: map[string]string{"GET /api/tasks?limit=200": `{"tasks":[` + one + `,` + two + `],"next_cursor":null}`}}
	status, out, said := list(managecli.ListOptions{JSON: true})(t, s, 80)
	if diff := cmp.Diff(one+"\n"+two+"\n", out); diff != "" || status != 0 || said != "" {
		t.Errorf("exit status %d, %q (-want +got):\n%s", status, said, diff)
	}
}

func TestListErrors(t *testing.T) { // W8
	for name, c := range map[string]struct {
		answer  string
		options managecli.ListOptions
		status  int
	}{
		"a refusal":     {"!400 INVALID_QUERY", managecli.ListOptions{}, 2},
		"forbidden":     {"!403 FORBIDDEN", managecli.ListOptions{}, 2},
		"another site":  {"<html>", managecli.ListOptions{}, 4},
		"other JSON":    {`{}`, managecli.ListOptions{}, 4},
		"a bad service": {"!500 INTERNAL_ERROR", managecli.ListOptions{}, 4},
		"a bad span":    {"", managecli.ListOptions{Since: "soon"}, 2},
		"no past":       {"", managecli.ListOptions{Since: "-2h"}, 2},
		"a bad label":   {"", managecli.ListOptions{Selection: managecli.Selection{Labels: []string{"x"}}}, 2},
	} {
		status, out, said := list(c.options)(t, &service{answers: map[string]string{"GET /api/tasks?limit=200": c.answer}}, 0)
		if status != c.status || out != "" || !strings.HasPrefix(said, "heliograph: ") {
			t.Errorf("%s: exit status %d, %q, %q", name, status, out, said)
		}
	}
}

const statusPath = "GET /api/tasks/" + id + "?include=params"

func show(t *testing.T, s *service, asJSON bool) (int, string, string) {
	t.Helper()
	return use(t, s, 80, func(to managecli.Service, term managecli.Terminal) int {
		return managecli.Show(t.Context(), to, id, asJSON, term)
	})
}

func TestATaskIsShownOnOneScreen(t *testing.T) { // W8
	s := &service{answers: map[string]string{
		statusPath:                                  entry(id, "failed", `,"error":"line 1\nline \u001b[2J2","code":"DISK_FULL","params":{"steps":5},"labels":{"page":"x"},"attempt":3,"worker":"w-1","start_time":"2026-01-02T03:04:04Z","end_time":"2026-01-02T03:04:06.5Z","progress":{"text":"Step 2/5","value":0.4}`),
		"HEAD /api/tasks/" + id + "/output":         "Stream-Next-Offset=0000000000000042<",
		"GET /api/tasks/" + id + "/output?offset=0": "Stream-Next-Offset=0000000000000042 Stream-Up-To-Date=true Stream-Closed=true<" + strings.Repeat("line\n", 20) + "last\x1b[31m\n",
	}}
	status, out, said := show(t, s, false)
	if status != 0 || said != "" || strings.Contains(out, "\x1b") || strings.Count(out, "| line\n") != 9 {
		t.Errorf("exit status %d, %q:\n%q", status, said, out)
	}
	for _, want := range []string{
		"task      " + id + "\n", "status    failed\n", "labels    page=x\n", "took      2.5s\n", "attempt   3\n", "worker    w-1\n", "error     line 1\n          line  [2J2\n",
		"code      DISK_FULL\n", "params    {\"steps\":5}\n", "|████████            |  40 % Step 2/5\n", "output    42 bytes", "| last [31m\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func TestALongResultIsCutAndHiddenParamsAreNamed(t *testing.T) { // W8
	s := &service{answers: map[string]string{
		statusPath:                          entry(id, "completed", `,"result":[`+strings.Repeat("1,", 200)+`1]`),
		"HEAD /api/tasks/" + id + "/output": "Stream-Next-Offset=0<",
	}}
	_, out, _ := show(t, s, false)
	for _, want := range []string{"params    (its type hides them)\n", "result    [\n            1,\n", "… and 183 more lines, which --json has\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "output") {
		t.Errorf("there is no output:\n%s", out)
	}
}

func TestATaskAsJSONIsThatOfTheAPI(t *testing.T) { // W8
	want := entry(id, "completed", `,"params":{"a":"<&>"}`)
	status, out, said := show(t, &service{answers: map[string]string{statusPath: want}}, true)
	if diff := cmp.Diff(want+"\n", out); diff != "" || status != 0 || said != "" {
		t.Errorf("exit status %d, %q (-want +got):\n%s", status, said, diff)
	}
}

func TestAnUnknownTaskHasAnExitStatusOfItsOwn(t *testing.T) { // W8
	for answer, want := range map[string]int{"!404 TASK_NOT_FOUND": 1, "!401 UNAUTHORIZED": 2, "!503 BROKER_UNAVAILABLE": 4, `{}`: 4} {
		if status, out, said := show(t, &service{answers: map[string]string{statusPath: answer}}, false); status != want || out != "" || said == "" {
			t.Errorf("%s: exit status %d, %q, %q", answer, status, out, said)
		}
	}
}

func TestOutputIsPrintedAsItIs(t *testing.T) { // W8
	const path = "GET /api/tasks/" + id + "/output?offset="
	for name, c := range map[string]struct {
		answers map[string]string
		follow  bool
		status  int
		out     string
	}{
		"in parts":       {map[string]string{path + "0": "Stream-Next-Offset=3<a\x1bb", path + "3": "Stream-Next-Offset=5 Stream-Up-To-Date=true<\nc"}, false, 0, "a\x1bb\nc"},
		"until its end":  {map[string]string{path + "0": "Stream-Next-Offset=3 Stream-Up-To-Date=true<abc", path + "3&live=long-poll": "Stream-Next-Offset=4 Stream-Closed=true<d"}, true, 0, "abcd"},
		"with a gap":     {map[string]string{path + "0": "Stream-Next-Offset=9 Heliograph-Gap=6 Stream-Up-To-Date=true<abc"}, false, 1, "abc"},
		"gone":           {map[string]string{path + "0": "!404 TASK_NOT_FOUND"}, true, 1, ""},
		"without place":  {map[string]string{path + "0": "Stream-Closed=true<abc"}, false, 4, ""},
		"of another one": {map[string]string{path + "0": "!403 FORBIDDEN"}, false, 2, ""},
	} {
		status, out, said := use(t, &service{answers: c.answers}, 0, func(to managecli.Service, term managecli.Terminal) int {
			return managecli.Output(t.Context(), to, id, c.follow, term)
		})
		if status != c.status || out != c.out || (status == 0) != (said == "") {
			t.Errorf("%s: exit status %d, %q, %q", name, status, out, said)
		}
	}
}

func TestTasksAreCancelledAndRemoved(t *testing.T) { // W8
	answers := map[string]string{
		"POST /api/tasks/a/cancel": `{"success":true,"message":"m"}`, "POST /api/tasks/b/cancel": "!404 TASK_NOT_CANCELLABLE", "POST /api/tasks/c/cancel": "!503 BROKER_UNAVAILABLE",
		"POST /api/tasks/cancel?label=page%3Ax&status=pending&type=import": `{"cancelled":3}`,
		"DELETE /api/tasks/a": `{"success":true,"message":"m"}`, "DELETE /api/tasks/b": "!404 TASK_NOT_FINISHED",
	}
	cancel := func(o managecli.CancelOptions) func(managecli.Service, managecli.Terminal) int {
		return func(to managecli.Service, term managecli.Terminal) int {
			return managecli.Cancel(t.Context(), to, o, term)
		}
	}
	remove := func(asJSON bool, ids ...string) func(managecli.Service, managecli.Terminal) int {
		return func(to managecli.Service, term managecli.Terminal) int {
			return managecli.Remove(t.Context(), to, ids, asJSON, term)
		}
	}
	some := managecli.Selection{Status: "pending", Type: "import", Labels: []string{"page=x"}}
	for name, c := range map[string]struct {
		do        func(managecli.Service, managecli.Terminal) int
		status    int
		out, said string
	}{
		"one":               {cancel(managecli.CancelOptions{IDs: []string{"a"}}), 0, "", "heliograph: task a was asked to stop\n"},
		"all, whatever":     {cancel(managecli.CancelOptions{IDs: []string{"b", "a"}}), 1, "", "heliograph: task b: no (TASK_NOT_CANCELLABLE)\nheliograph: task a was asked to stop\n"},
		"while it is away":  {cancel(managecli.CancelOptions{IDs: []string{"b", "c"}, JSON: true}), 4, `{"task_id":"b","ok":false,"error":"no","code":"TASK_NOT_CANCELLABLE"}` + "\n" + `{"task_id":"c","ok":false,"error":"no","code":"BROKER_UNAVAILABLE"}` + "\n", ""},
		"a selection":       {cancel(managecli.CancelOptions{Selection: some}), 0, "", "heliograph: cancelled: 3; those that run were asked to stop\n"},
		"one, as JSON":      {cancel(managecli.CancelOptions{Selection: some, JSON: true}), 0, `{"cancelled":3}` + "\n", ""},
		"nothing":           {cancel(managecli.CancelOptions{}), 2, "", "heliograph: bad usage: want the IDs of tasks, or one of --status, --type and --label\n"},
		"both":              {cancel(managecli.CancelOptions{IDs: []string{"a"}, Selection: some}), 2, "", "heliograph: bad usage: want the IDs of tasks, or one of --status, --type and --label\n"},
		"removed":           {remove(false, "a"), 0, "", "heliograph: task a is removed\n"},
		"removed, as JSON":  {remove(true, "a"), 0, `{"task_id":"a","ok":true}` + "\n", ""},
		"not to be removed": {remove(true, "b"), 1, `{"task_id":"b","ok":false,"error":"no","code":"TASK_NOT_FINISHED"}` + "\n", ""},
	} {
		status, out, said := use(t, &service{answers: answers}, 0, c.do)
		if status != c.status || out != c.out || said != c.said {
			t.Errorf("%s: exit status %d, %q, %q", name, status, out, said)
		}
	}
}
