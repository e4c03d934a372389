package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

// Detail returns what a task says beside the share that is done.
func Detail(t taskjson.Task) string {
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
		parts = append(parts, Plain(t.Progress.Text))
	}
	if t.Status == task.Pending && t.Error != nil {
		parts = append(parts, "after: "+Plain(*t.Error))
	}
	return strings.Join(parts, ", ")
}

// amountOf returns what is done of what, such as "12/50 files"; "" if the task
// does not say.
func amountOf(p task.Progress) string {
	if p.Done == 0 && p.Total == 0 {
		return ""
	}
	number, unit := func(f float64) string { return humanize.Commaf(math.Round(f*10) / 10) }, " "+Plain(p.Unit)
	if p.Unit == "bytes" {
		number, unit = func(f float64) string { return humanize.IBytes(uint64(max(f, 0))) }, ""
	}
	if p.Total == 0 {
		return number(p.Done) + unit
	}
	return number(p.Done) + "/" + number(p.Total) + unit
}

// Summary says how a task ended.
func Summary(t taskjson.Task) string {
	switch {
	case t.Status == task.Failed && t.Error != nil:
		return "failed: " + Plain(*t.Error)
	case t.StartTime == nil || t.EndTime == nil:
		return string(t.Status)
	}
	return string(t.Status) + " after " + t.EndTime.Sub(*t.StartTime).Round(time.Millisecond).String()
}

// barWidth is that of a bar between its ends, in columns.
const barWidth = 20

// Bar returns a bar for a share that is done, with its percentage.
func Bar(value float64) string {
	value = min(max(value, 0), 1)
	full := int(value * barWidth)
	return fmt.Sprintf("|%s%s| %3.0f %%", strings.Repeat("█", full), strings.Repeat(" ", barWidth-full), value*100)
}

// Labels makes the labels of key=value pairs (rule T16); nil if there are none.
// Errors: ErrUsage.
func Labels(pairs []string) (task.Labels, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	labels := make(task.Labels, len(pairs))
	for _, pair := range pairs {
		key, value, found := strings.Cut(pair, "=")
		if _, twice := labels[key]; !found || twice {
			return nil, fmt.Errorf("%w: --label %s: want key=value, each key once", ErrUsage, pair)
		}
		labels[key] = value
	}
	if err := labels.Check(); err != nil {
		return nil, fmt.Errorf("%w: --label: %w", ErrUsage, err)
	}
	return labels, nil
}
