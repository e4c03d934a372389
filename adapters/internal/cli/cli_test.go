package cli_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
)

func of(width int, out io.Writer) cli.Terminal {
	return cli.Terminal{Out: out, Err: out, Width: func() int { return width }, Height: func() int { return 24 }}
}

func TestTableFitsTheTerminal(t *testing.T) { // W8
	names := []string{"ID", "STATUS", "DETAIL", "LABELS"}
	rows := [][]cli.Cell{
		{{Text: "0b0f6a5e"}, {Text: "running"}, {Text: "40 %, 日本語のファイル"}, {Text: "page=exports"}},
		{{Text: "1"}, {Text: ""}, {Text: ""}, {Text: ""}},
	}
	for width, want := range map[int]string{
		0:  "ID        STATUS   DETAIL                  LABELS\n0b0f6a5e  running  40 %, 日本語のファイル  page=exports\n1\n",
		50: "ID        STATUS   DETAIL                  LABELS\n0b0f6a5e  running  40 %, 日本語のファイル  page=e…\n1\n",
		40: "ID        STATUS   DETAIL\n0b0f6a5e  running  40 %, 日本語のファイ…\n1\n",
		20: "ID        STATUS\n0b0f6a5e  running\n1\n",
		4:  "ID\n0b0…\n1\n",
	} {
		got := of(width, io.Discard).Table(names, rows)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
		for line := range strings.Lines(got) {
			if n := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); width > 0 && n > width {
				t.Errorf("a line of %d columns: %q", n, line)
			}
		}
	}
}

func TestColoursAreThereOnlyWhenAskedFor(t *testing.T) { // W8
	for colours, want := range map[bool]string{false: "A\nno  disk\n", true: "\x1b[2mA\x1b[0m\n\x1b[31mno  disk\x1b[0m\n"} {
		term := of(80, io.Discard)
		term.Colours = colours
		if got := term.Table([]string{"A"}, [][]cli.Cell{{{Text: "no\n\x1bdisk", Style: cli.Red}}}); got != want {
			t.Errorf("%t: %q, want %q", colours, got, want)
		}
	}
}

func TestAgesAreWords(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		0: "now", 3 * time.Second: "3 s ago", 61 * time.Second: "1 min ago", 3 * time.Hour: "3 h ago", 25 * time.Hour: "1 day ago",
		72 * time.Hour: "3 days ago", -2 * time.Hour: "in 2 h", -30 * time.Second: "in 30 s", 40_000 * 24 * time.Hour: "long ago",
	} {
		if got := cli.Age(now.Add(-ago), now); got != want {
			t.Errorf("%s: %q, want %q", ago, got, want)
		}
	}
}

func TestTextIsSafeForATerminal(t *testing.T) {
	for text, want := range map[string]string{
		" a\x1b]0;x\x07b\n ": "a ]0;x b", "\u009b31mred": "31mred", "a\u202eb": "a b", "fünf 日本": "fünf 日本",
	} {
		if got := cli.Plain(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestExitStatuses(t *testing.T) { // W8
	closed, full := io.Pipe()
	_ = closed.Close()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, cli.Done},
		{fmt.Errorf("x: %w", cli.ErrUsage), cli.Usage},
		{&apiclient.Error{Status: http.StatusNotFound, Code: "TASK_NOT_FOUND"}, cli.Failed},
		{&apiclient.Error{Status: http.StatusNotFound, Code: "NOT_FOUND"}, cli.Usage},
		{&apiclient.Error{Status: http.StatusNotFound}, cli.Usage},
		{&apiclient.Error{Status: http.StatusForbidden, Code: "FORBIDDEN"}, cli.Usage},
		{&apiclient.Error{Status: http.StatusServiceUnavailable, Code: "BUSY"}, cli.Lost},
		{fmt.Errorf("x: %w", apiclient.ErrUnreachable), cli.Lost},
		{of(0, full).Print("x"), cli.Failed},
		{of(0, full).PrintJSON("x"), cli.Failed},
	} {
		var said strings.Builder
		if got := of(0, &said).Conclude(c.err); got != c.want || (c.err == nil) != (said.Len() == 0) {
			t.Errorf("%v: %d, want %d; %q", c.err, got, c.want, said.String())
		}
	}
}

func TestClientWantsAURL(t *testing.T) {
	if _, err := of(0, io.Discard).Client(cli.Service{URL: "nowhere"}); !errors.Is(err, cli.ErrUsage) {
		t.Errorf("got %v", err)
	}
}

func TestAreaIsDrawnAnew(t *testing.T) { // W9
	var out strings.Builder
	a := cli.Area{Terminal: of(80, &out)}
	drawn := func(want string) {
		t.Helper()
		if got := out.String(); got != want {
			t.Errorf("drawn is %q, want %q", got, want)
		}
		out.Reset()
	}
	a.Draw(nil, []string{"a", "b"})
	drawn("a\nb\n")
	a.Draw(nil, []string{"a", "b"})
	drawn("")
	a.Draw([]string{"a has ended"}, []string{"b"})
	drawn("\x1b[2A\r\x1b[Ja has ended\nb\n")
	a.Clear()
	drawn("\x1b[1A\r\x1b[J")
	a.Clear()
	drawn("")
}

func TestLabelsAreReadOnce(t *testing.T) { // T16
	if got, err := cli.Labels([]string{"a=1", "b="}); err != nil || len(got) != 2 || got["a"] != "1" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range [][]string{{"a"}, {"a=1", "a=2"}, {"a b=1"}} {
		if _, err := cli.Labels(bad); !errors.Is(err, cli.ErrUsage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestBarShowsTheShare(t *testing.T) {
	for value, want := range map[float64]string{
		0: "|                    |   0 %", 0.5: "|██████████          |  50 %", 1: "|████████████████████| 100 %", 7: "|████████████████████| 100 %", -1: "|                    |   0 %",
	} {
		if got := cli.Bar(value); got != want {
			t.Errorf("%g: %q", value, got)
		}
	}
}
