package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWatchOnATerminalHasBarsAndLeavesItClean(t *testing.T) { // W9
	t.Parallel()
	s := start(t)
	term := onTerminal(t, "watch", "--url", s.url)
	before, err := unix.IoctlGetTermios(int(term.person.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	term.shows(t, "0 running, 0 waiting  "+s.url)
	long := s.startTask(t, `{"type":"long_running_task","params":{"total_time":600,"check_interval":0.05}}`)
	short := s.startTask(t, `{"type":"long_running_task","params":{"total_time":1}}`)
	s.startTask(t, `{"type":"failing_task","params":{"error_message":"no disk"}}`)
	term.shows(t, "long_running_task "+long[:8]+" |")
	term.shows(t, "long_running_task "+short[:8]+" |██████████")
	term.shows(t, "\x1b[31m✗ failing_task ")
	term.shows(t, "\x1b[32m✓ long_running_task "+short+" completed after 1.")
	s.must(t, http.StatusAccepted, "POST", "/api/versions", `{"version":"9.9.9"}`)
	term.shows(t, "version 9.9.9")
	term.types(t, "\x03")
	term.ends(t, 0, "\x1b[2A\r\x1b[J") // the bar and the last line are gone
	if screen := term.screen.String(); !strings.HasSuffix(screen, "\x1b[J") {
		t.Errorf("something is left: %q", screen[max(0, len(screen)-100):])
	}
	after, err := unix.IoctlGetTermios(int(term.person.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal was %+v, and is %+v, %v", before, after, err)
	}
}

func TestListsFitATerminalAndHaveColours(t *testing.T) { // W8
	t.Parallel()
	s := start(t)
	s.startTask(t, `{"type":"failing_task","params":{"delay":0,"error_message":"`+strings.Repeat("no disk ", 30)+`"}}`)
	eventually(t, "it has failed", func() bool {
		_, out, _ := heliograph(t, nil, "tasks", "--status", "failed", "--url", s.url)
		return strings.Contains(out, "failed")
	})
	term := onTerminal(t, "tasks", "--url", s.url)
	term.ends(t, 0, "\x1b[31mfailed\x1b[0m")
	for line := range strings.Lines(term.screen.String()) {
		line = strings.NewReplacer("\x1b[31m", "", "\x1b[2m", "", "\x1b[0m", "").Replace(strings.TrimRight(line, "\r\n"))
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if _, out, _ := heliograph(t, nil, "tasks", "--url", s.url); strings.Contains(out, "\x1b") || strings.Contains(out, "…") {
		t.Errorf("without a terminal: %q", out)
	}
}
