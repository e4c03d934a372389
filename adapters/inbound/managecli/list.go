package managecli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"heliograph/adapters/internal/cli"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

// ListOptions say which tasks to list.
type ListOptions struct {
	Selection Selection
	Since     string // a span such as 2h or 7d, or a time in RFC 3339; "" is no bound
	Limit     int    // how many at most; 0 is all
	JSON      bool   // a line of JSON for each, as the API has it
}

// tableRows is after how many rows a table is printed and another begun, so that a long
// list is not held in memory.
const tableRows = 1000

// List lists tasks, newest first, and returns the exit status.
func List(ctx context.Context, s Service, o ListOptions, t Terminal) int {
	return t.Conclude(list(ctx, s, o, t))
}

func list(ctx context.Context, s Service, o ListOptions, t Terminal) error {
	now := time.Now()
	since, err := parseSince(o.Since, now)
	if err != nil {
		return err
	}
	client, err := t.Client(s)
	if err != nil {
		return err
	}
	filter, err := o.Selection.filter()
	if err != nil {
		return err
	}
	l := lister{terminal: t, now: now}
	page := 0
	if o.Limit > 0 {
		page = o.Limit + 1 // one more tells whether there are more
	}
	err = client.EachTask(ctx, filter, page, func(one taskjson.Task) (more bool, err error) {
		switch {
		case one.Created.Before(since):
			return false, nil
		case o.Limit > 0 && l.count == o.Limit:
			l.more = true
			return false, nil
		case o.JSON:
			l.count++
			return true, t.PrintJSON(one)
		}
		return true, l.add(one)
	})
	if flushed := l.flush(); err == nil {
		err = flushed
	}
	switch {
	case err != nil:
	case l.more:
		t.Say("there are more: --limit N or --all lists them")
	case l.count == 0 && !o.JSON:
		t.Say("no tasks")
	}
	return err
}

// lister is one call of List.
type lister struct {
	terminal cli.Terminal
	now      time.Time
	rows     [][]cli.Cell
	count    int
	more     bool
}

func (l *lister) add(t taskjson.Task) error {
	l.count++
	l.rows = append(l.rows, []cli.Cell{
		{Text: string(t.ID)},
		{Text: statusOf(t), Style: cli.StyleOf(t.Status)},
		{Text: t.Type},
		{Text: cli.Age(t.Created, l.now)},
		{Text: detailOf(t)},
		{Text: labelsOf(t.Labels)},
	})
	if len(l.rows) < tableRows {
		return nil
	}
	return l.flush()
}

func (l *lister) flush() error {
	if len(l.rows) == 0 {
		return nil
	}
	table := l.terminal.Table([]string{"ID", "STATUS", "TYPE", "CREATED", "DETAIL", "LABELS"}, l.rows)
	l.rows = nil
	return l.terminal.Print(table)
}

func statusOf(t taskjson.Task) string {
	if t.CancelRequested && !t.Status.Terminal() {
		return "stopping"
	}
	return string(t.Status)
}

// detailOf says how far a task is, or how it ended.
func detailOf(t taskjson.Task) string {
	switch t.Status {
	case task.Pending:
		return cli.Detail(t)
	case task.Running:
		return strings.TrimSuffix(fmt.Sprintf("%.0f %%, %s", t.Progress.Value*100, cli.Detail(t)), ", ")
	case task.Failed:
		if t.Error != nil {
			return *t.Error
		}
	case task.Completed, task.Cancelled:
	}
	if t.StartTime == nil || t.EndTime == nil {
		return ""
	}
	return "after " + t.EndTime.Sub(*t.StartTime).Round(time.Millisecond).String()
}

// parseSince reads a span before now, in days or as Go writes it, or a time; "" is the
// zero time. Errors: cli.ErrUsage.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if span, err := time.ParseDuration(text); err == nil && span >= 0 {
		return now.Add(-span), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%w: --since: want a span such as 90s, 2h or 7d, or a time such as 2026-01-02T15:04:05Z", cli.ErrUsage)
}
