package taskcli

import (
	"io"
	"strings"

	"github.com/schollz/progressbar/v3"

	"heliograph/adapters/internal/cli"
	"heliograph/adapters/internal/taskjson"
)

// bar is the view on a terminal.
type bar struct {
	width func() int
	bar   *progressbar.ProgressBar
}

const (
	// barSteps is more than a terminal has columns.
	barSteps = 1000
	// barRoom is what percentage, bar and clock take of a line, in columns.
	barRoom = 45
)

func newBar(out io.Writer, width func() int) *bar {
	return &bar{width: width, bar: progressbar.NewOptions(barSteps,
		progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(20), progressbar.OptionUseANSICodes(true),
		progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(true))}
}

// show draws the bar with its clock. Errors of the terminal are ignored.
func (b *bar) show(t taskjson.Task) {
	// The last step is left out: with it the library takes the bar for finished,
	// though another attempt may begin anew.
	_ = b.bar.Set(min(int(t.Progress.Value*barSteps), barSteps-1))
	b.bar.Describe(cli.Cut(describeShort(t), b.width()-barRoom))
}

func (b *bar) clear() { _ = b.bar.Clear() }

// describeShort is describe without the percentage, which the bar has.
func describeShort(t taskjson.Task) string {
	state := ""
	switch {
	case t.CancelRequested:
		state = "stopping"
	case t.Progress.Text == "":
		state = string(t.Status)
	}
	return strings.Trim(state+", "+cli.Detail(t), ", ")
}
