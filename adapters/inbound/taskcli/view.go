package taskcli

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"

	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
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
	return strings.TrimRight(fmt.Sprintf("%-8s %3.0f %%  %s", status, t.Progress.Value*100, detail(t)), " ")
}

// detail returns what a task says beside the share that is done.
func detail(t taskjson.Task) string {
	var parts []string
	if t.Status == task.Pending && t.NextAt != nil {
		parts = append(parts, "until "+t.NextAt.Local().Format(time.DateTime))
	}
	if t.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", t.Attempt))
	}
	if t.Progress.Stages > 0 {
		parts = append(parts, fmt.Sprintf("stage %d/%d", t.Progress.Stage, t.Progress.Stages))
	}
	if amount := amountOf(t.Progress); amount != "" {
		parts = append(parts, amount)
	}
	if t.Progress.Text != "" {
		parts = append(parts, plain(t.Progress.Text))
	}
	if t.Status == task.Pending && t.Error != nil {
		parts = append(parts, "after: "+plain(*t.Error))
	}
	return strings.Join(parts, ", ")
}

// amountOf returns what is done of what, such as "12/50 files"; "" if the task
// does not say.
func amountOf(p task.Progress) string {
	if p.Done == 0 && p.Total == 0 {
		return ""
	}
	number, unit := func(f float64) string { return humanize.Commaf(math.Round(f*10) / 10) }, " "+plain(p.Unit)
	if p.Unit == "bytes" {
		number, unit = func(f float64) string { return humanize.IBytes(uint64(max(f, 0))) }, ""
	}
	if p.Total == 0 {
		return number(p.Done) + unit
	}
	return number(p.Done) + "/" + number(p.Total) + unit
}

// plain makes one line of text, without what a terminal would obey: a task's text
// may come from any client.
func plain(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// summary says how a task ended.
func summary(t taskjson.Task) string {
	switch {
	case t.Status == task.Failed && t.Error != nil:
		return "failed: " + plain(*t.Error)
	case t.StartTime == nil || t.EndTime == nil:
		return string(t.Status)
	}
	return string(t.Status) + " after " + t.EndTime.Sub(*t.StartTime).Round(time.Millisecond).String()
}
