//go:build linux

package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// aim is what heliograph wants to reach at the largest number of connections.
type aim struct {
	figure    Figure
	reference string  // measured in the same run; "" makes bound an absolute one
	bound     float64 // at least so much if more is better, else at most
}

var aims = []aim{
	{DeliveriesPerSecond, limitBatch, 0.8},
	{PipelinedCPU, limitBatch, 1.3},
	{PacedCPU, limitBatch, 1.1},
	{PacedP50, limitBatch, 1.2},
	{PacedP99, limitBatch, 1.2},
	{ConnectsPerSecond, bareGinName, 0.8},
	{IdleBytes, "", 1.3 * 1024},
	{UsedBytes, "", 1.3 * 1024},
}

// against compares us with the references and the aims.
func against(b *strings.Builder, rows []row) {
	ours := slices.IndexFunc(rows, func(r row) bool { return r.outcome.Ours })
	if ours < 0 {
		return
	}
	b.WriteString("| heliograph's | against | is | aim | |\n| --- | --- | --- | --- | --- |\n")
	for _, a := range aims {
		c := columns[slices.IndexFunc(columns, func(c column) bool { return c.figure == a.figure })]
		value, show, ok := a.measure(rows[ours], rows, c)
		if !ok {
			continue
		}
		word, verdict := "at most", "reached"
		if c.most {
			word = "at least"
		}
		if value != a.bound && (value < a.bound) == c.most {
			verdict = "**missed**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s %s | %s |\n", c.title, cmp.Or(a.reference, "–"), show(value), word, show(a.bound), verdict)
	}
	b.WriteString("\n")
}

// measure returns what the bound is for and how to write it.
func (a aim) measure(ours row, rows []row, c column) (value float64, show func(float64) string, ok bool) {
	value, ok = ours.round.Figures[a.figure]
	if a.reference == "" {
		return value, c.show, ok
	}
	i := slices.IndexFunc(rows, func(r row) bool { return r.outcome.Name == a.reference })
	if i < 0 || rows[i].round.Figures[a.figure] == 0 {
		return 0, nil, false
	}
	return value / rows[i].round.Figures[a.figure], ratio, ok
}

func ratio(v float64) string { return fmt.Sprintf("%.2f", v) }
