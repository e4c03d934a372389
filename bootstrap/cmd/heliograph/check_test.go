package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckSaysWhatIsWrongWithATasksFile(t *testing.T) { // S3, for operators
	path := filepath.Join(t.TempDir(), "tasks.yaml")
	for _, c := range []struct {
		content, environ string
		status           int
		said             string
	}{
		{"tasks:\n  list: {command: [ls]}\n  thumbs: {worker: {}}\n", "", 0, path + ": good, with the task types list, thumbs\n"},
		{
			"tasks:\n  list:\n    command: [ls, '${x}']\n  b: {command: [no-such-program]}\n", "", 1,
			"heliograph: " + path + `:4: b: command: there is no program "no-such-program"` + "\n" +
				"heliograph: " + path + ":3: list: command: ${x} is not one of the params\n",
		},
		{"tasks:\n  a: {comand: [ls]}\n", "", 1, "heliograph: " + path + ":2: "},
		{"tasks:\n  demo_task: {command: [ls]}\n", "", 1, "heliograph: " + path + ": demo_task: the service has a type of this name\n"},
		{"tasks:\n  demo_task: {command: [ls]}\n", "APP_ENV=production", 0, path + ": good"}, // which lacks AUTH, and has none of its own
		{"tasks:\n  a: {command: [ls], kill_after: 9s}\n", "TASK_CANCEL_GRACE=9s", 1, "heliograph: " + path + ":2: a: kill_after: 9s must be less"},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		environ := map[string]string{"TASKS_FILE": "/another/one"}
		if name, value, ok := strings.Cut(c.environ, "="); ok {
			environ[name] = value
		}
		status, out, said := call(t, environ, "check", path)
		if status != c.status || !strings.HasPrefix(out+said, c.said) || (out == "") != (status != 0) {
			t.Errorf("%s: exit status %d, %s%s; want %d, %s", c.content, status, out, said, c.status, c.said)
		}
	}
	if status, _, said := call(t, nil, "check", filepath.Join(t.TempDir(), "none.yaml")); status != 1 || !strings.Contains(said, "none.yaml") {
		t.Errorf("of no file: exit status %d, %s", status, said)
	}
}
