//go:build linux

package bench

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// column is one figure in a table.
type column struct {
	title  string
	figure Figure
	show   func(float64) string
	// most says that more is better; otherwise less is.
	most bool
	// plain is a figure that is not compared.
	plain bool
	// relative adds how many times the first row's figure it is.
	relative bool
}

var columns = []column{
	{title: "connects/s", figure: ConnectsPerSecond, show: whole, most: true},
	{title: "RSS per idle connection", figure: IdleBytes, show: kilobytes},
	{title: "after traffic", figure: UsedBytes, show: kilobytes},
	{title: "pipelined deliveries/s", figure: DeliveriesPerSecond, show: whole, most: true},
	{title: "CPU pipelined", figure: PipelinedCPU, show: seconds},
	{title: "CPU paced", figure: PacedCPU, show: seconds},
	{title: "p50 paced", figure: PacedP50, show: millis},
	{title: "p99", figure: PacedP99, show: millis},
	{title: "max", figure: PacedMax, show: millis},
	{title: "lost", figure: Lost, show: whole, plain: true},
}

var recoveryColumns = []column{
	{title: "one: replayed in", figure: ReplayTime, show: millis},
	{title: "with writes", figure: ReplayWrites, show: whole},
	{title: "all: connects/s", figure: BackPerSecond, show: whole, most: true},
	{title: "all served in", figure: BackServed, show: millis},
	{title: "restart: connects/s", figure: StormPerSecond, show: whole, most: true},
	{title: "all resumed in", figure: StormServed, show: millis},
	{title: "lost", figure: Lost, show: whole, plain: true},
}

var checkColumns = []column{
	{title: "messages in flight", figure: InFlight, show: seconds, plain: true},
	{title: "publishing one", figure: PostTime, show: millis, plain: true},
	{title: "generator's CPU pipelined", figure: GeneratorCPU, show: seconds, plain: true},
}

func whole(v float64) string     { return humanize.Comma(int64(v + 0.5)) }
func kilobytes(v float64) string { return fmt.Sprintf("%.1f KB", max(v, 0)/1024) }
func seconds(v float64) string   { return fmt.Sprintf("%.1f", v) }

func millis(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f ms", v)
	}
	return whole(v) + " ms"
}

// row is one line of a table.
type row struct {
	outcome *Outcome
	round   Round
}

// table writes rows in Markdown. The best of those that are no references is
// bold.
func table(b *strings.Builder, cols []column, rows []row) {
	b.WriteString("| system |")
	for _, c := range cols {
		fmt.Fprintf(b, " %s |", c.title)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(cols)+1) + "\n")
	for _, r := range rows {
		fmt.Fprintf(b, "| %s |", r.name())
		for _, c := range cols {
			fmt.Fprintf(b, " %s |", r.cell(c, rows))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

func (r row) name() string {
	if r.outcome.Reference {
		return "*" + r.outcome.Name + "*"
	}
	return r.outcome.Name
}

func (r row) cell(c column, rows []row) string {
	v, ok := r.round.Figures[c.figure]
	if !ok {
		return "–"
	}
	text := c.show(v)
	if best := c.best(rows); best != nil && best.outcome == r.outcome {
		text = "**" + text + "**"
	}
	if first := rows[0].round.Figures[c.figure]; c.relative && first > 0 && rows[0].outcome != r.outcome {
		return fmt.Sprintf("%s (%s×)", text, ratio(v/first))
	}
	return text
}

// best returns the best row of several that are no references, or nil.
func (c column) best(rows []row) *row {
	if c.plain {
		return nil
	}
	var best *row
	several := 0
	for i := range rows {
		v, ok := rows[i].round.Figures[c.figure]
		if !ok || rows[i].outcome.Reference {
			continue
		}
		several++
		if best == nil || c.better(v, best.round.Figures[c.figure]) {
			best = &rows[i]
		}
	}
	if several < 2 {
		return nil
	}
	return best
}

func (c column) better(a, b float64) bool { return a != b && (a > b) == c.most }
