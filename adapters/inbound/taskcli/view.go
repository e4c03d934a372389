package taskcli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"heliograph/adapters/internal/cli"
	"heliograph/adapters/internal/taskjson"
)

// view shows a task's progress.
type view interface {
	// show draws what is known; it is also called when nothing changed.
	show(t taskjson.Task)
	// clear makes room for other lines.
	clear()
}

func newView(t Terminal) view {
	if t.Interactive {
		return newBar(t.Err, t.Width)
	}
	return &lines{out: t.Err}
}

// lines is the view without a terminal: a line for each change, but at most one
// in lineInterval, so that logs stay readable.
type lines struct {
	out  io.Writer
	last string
	at   time.Time // of the last line
}

const lineInterval = time.Second

func (l *lines) show(t taskjson.Task) {
	line := describe(t)
	if line == l.last || time.Since(l.at) < lineInterval {
		return
	}
	l.last, l.at = line, time.Now()
	_, _ = fmt.Fprintln(l.out, line) // as with Terminal.say
}

func (l *lines) clear() {}

// describe returns a line such as "running   40 %  Step 2/5".
func describe(t taskjson.Task) string {
	status := string(t.Status)
	if t.CancelRequested {
		status = "stopping"
	}
	return strings.TrimRight(fmt.Sprintf("%-8s %3.0f %%  %s", status, t.Progress.Value*100, cli.Detail(t)), " ")
}
