package managecli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"heliograph/adapters/internal/apiclient"
	"heliograph/adapters/internal/cli"
	"heliograph/adapters/internal/taskjson"
	"heliograph/domain/task"
)

const (
	// mostLines is how many lines of params, a result or an error are shown: the screen is
	// for all of them.
	mostLines = 20
	// tailBytes and tailLines bound what is shown of the end of an output.
	tailBytes, tailLines = 4 << 10, 10
)

// Show shows all that is known of a task and returns the exit status.
func Show(ctx context.Context, s Service, id string, asJSON bool, t Terminal) int {
	return t.Conclude(show(ctx, s, task.ID(id), asJSON, t))
}

func show(ctx context.Context, s Service, id task.ID, asJSON bool, t Terminal) error {
	client, err := t.Client(s)
	if err != nil {
		return err
	}
	one, err := client.StatusWithParams(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		return t.PrintJSON(one)
	}
	tail, err := readTail(ctx, client, id)
	if err != nil {
		return err
	}
	sh := sheet{terminal: t, now: time.Now()}
	sh.task(one)
	sh.output(tail)
	return t.Print(sh.text.String())
}

// tail is the end of what a task has printed.
type tail struct {
	text string
	end  int64 // how many bytes it has printed in all
}

func readTail(ctx context.Context, client *apiclient.Client, id task.ID) (tail, error) {
	end, err := client.OutputEnd(ctx, id)
	if err != nil || end == 0 {
		return tail{}, err
	}
	var text bytes.Buffer
	got := tail{}
	err = client.ReadOutput(ctx, id, max(0, end-tailBytes), false, func(part apiclient.OutputPart) error {
		text.Write(part.Text)
		text.Next(max(0, text.Len()-tailBytes)) // it may have printed much more meanwhile
		got.end = part.Next
		return nil
	})
	got.text = text.String()
	return got, err
}

// sheet is what is shown of a task, one property a line.
type sheet struct {
	terminal cli.Terminal
	now      time.Time
	text     strings.Builder
}

// nameWidth is that of the names of the properties, in columns.
const nameWidth = 10

// row adds a property, unless it has no lines.
func (sh *sheet) row(name string, style cli.Style, lines ...string) {
	for i, line := range lines {
		if i > 0 {
			name = ""
		}
		label := sh.terminal.Paint(cli.Faint, fmt.Sprintf("%-*s", nameWidth, name))
		sh.text.WriteString(strings.TrimRight(label+sh.terminal.Paint(style, cli.Printable(line)), " ") + "\n")
	}
}

func (sh *sheet) task(t taskjson.Task) {
	sh.row("task", cli.Regular, string(t.ID))
	sh.row("type", cli.Bold, t.Type)
	sh.row("status", cli.StyleOf(t.Status), statusOf(t))
	if len(t.Labels) > 0 {
		sh.row("labels", cli.Regular, labelsOf(t.Labels))
	}
	sh.time("created", &t.Created)
	sh.time("run at", t.RunAt)
	sh.time("started", t.StartTime)
	sh.time("ended", t.EndTime)
	if t.StartTime != nil && t.EndTime != nil {
		sh.row("took", cli.Regular, t.EndTime.Sub(*t.StartTime).Round(time.Millisecond).String())
	}
	if t.Status != task.Completed && (t.Progress.Value > 0 || t.Progress.Text != "") {
		sh.row("progress", cli.Regular, cli.Bar(t.Progress.Value)+" "+cli.Detail(taskjson.Task{Progress: t.Progress}))
	}
	sh.row("attempt", cli.Regular, fmt.Sprint(t.Attempt))
	sh.time("next", t.NextAt)
	sh.optional("node", t.Node)
	sh.optional("worker", t.Worker)
	if t.Error != nil {
		sh.row("error", cli.Red, sh.bounded(*t.Error)...)
	}
	sh.optional("code", t.Code)
	if t.Params == nil {
		sh.row("params", cli.Faint, "(its type hides them)")
	} else {
		sh.json("params", t.Params)
	}
	if t.Status == task.Completed {
		sh.json("result", t.Result)
	}
}

func (sh *sheet) time(name string, at *time.Time) {
	if at != nil {
		sh.row(name, cli.Regular, fmt.Sprintf("%s  (%s)", at.Local().Format(time.DateTime), cli.Age(*at, sh.now)))
	}
}

func (sh *sheet) optional(name string, text *string) {
	if text != nil {
		sh.row(name, cli.Regular, *text)
	}
}

// json adds a value, on several lines if it is long.
func (sh *sheet) json(name string, value json.RawMessage) {
	if string(value) == "null" || len(value) == 0 {
		return
	}
	text := string(value)
	const short = 60 // bytes that fit beside the name
	if indented := (bytes.Buffer{}); len(value) > short && json.Indent(&indented, value, "", "  ") == nil {
		text = indented.String()
	}
	sh.row(name, cli.Regular, sh.bounded(text)...)
}

// bounded returns the lines of text, or the first of them.
func (*sheet) bounded(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if more := len(lines) - mostLines; more > 0 {
		lines = append(lines[:mostLines], fmt.Sprintf("… and %d more lines, which --json has", more))
	}
	return lines
}

func (sh *sheet) output(t tail) {
	if t.end == 0 {
		return
	}
	lines := strings.Split(strings.TrimRight(t.text, "\r\n"), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	for i, line := range lines {
		lines[i] = "| " + strings.TrimRight(line, "\r")
	}
	sh.row("output", cli.Regular, append([]string{fmt.Sprintf("%d bytes, which --output prints; its end:", t.end)}, lines...)...)
}

func labelsOf(labels task.Labels) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, key+"="+labels[key])
	}
	return strings.Join(parts, " ")
}

// Output prints what a task has printed, as it is, and returns the exit status: cli.Failed
// if some of it is gone. With follow it goes on until the task has ended.
func Output(ctx context.Context, s Service, id string, follow bool, t Terminal) int {
	client, err := t.Client(s)
	if err != nil {
		return t.Conclude(err)
	}
	var gone int64
	err = client.ReadOutput(ctx, task.ID(id), 0, follow, func(part apiclient.OutputPart) error {
		if part.Gap > 0 {
			gone += part.Gap
			t.Say("%d bytes of the output are gone here", part.Gap)
		}
		return t.Print(string(part.Text))
	})
	if err == nil && gone > 0 {
		return cli.Failed
	}
	return t.Conclude(err)
}
