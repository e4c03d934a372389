package main

import (
	"strings"
	"testing"
)

func TestRunExitStatusWhenItCannotStart(t *testing.T) {
	const nowhere = "http://127.0.0.1:1" // a port that nothing listens on
	for _, c := range []struct {
		args   []string
		status int
		said   string
	}{
		{[]string{"run"}, 2, "heliograph: expected \"<type>\""},
		{[]string{"run", "demo_task", "--slowly"}, 2, "heliograph: unknown flag --slowly"},
		{[]string{"run", "demo_task", "--url", "nowhere"}, 2, "heliograph: --url: "},
		{[]string{"run", "demo_task", "--url", nowhere, "--params", "{"}, 2, "heliograph: bad usage: --params"},
		{[]string{"run", "demo_task", "--url", nowhere, "--delay", "1h", "--run-at", "2030-01-02T03:04:05Z"}, 2, "heliograph: --"},
		{[]string{"run", "demo_task", "--url", nowhere, "--delay", "soon"}, 2, "heliograph: --delay"},
		{[]string{"run", "demo_task", "--url", nowhere}, 4, "heliograph: the service cannot be reached"},
	} {
		status, stdout, stderr := call(t, nil, c.args...)
		if status != c.status || stdout != "" || !strings.HasPrefix(stderr, c.said) {
			t.Errorf("%q: exit status %d, %q, %q", c.args, status, stdout, stderr)
		}
	}
}
