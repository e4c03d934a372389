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
	subject   string // "" is heliograph, all in one process
	figure    Figure
	reference string  // measured in the same run; "" makes bound an absolute one
	bound     float64 // at least so much if more is better, else at most; 0 is only reported
}

var aims = []aim{
	{"", DeliveriesPerSecond, limitBatch, 0.8},
	{"", PipelinedCPU, limitBatch, 1.3},
	{"", PacedCPU, limitBatch, 1.1},
	{"", PacedP50, limitBatch, 1.2},
	{"", PacedP99, limitBatch, 1.2},
	{"", ConnectsPerSecond, bareGinName, 0.8},
	{"", IdleBytes, "", 1.3 * 1024},
	{"", UsedBytes, "", 1.3 * 1024},
	{subjectsName, PipelinedCPU, privateName, 1.5},
	{externalName, DeliveriesPerSecond, ownName, 0.6},
	{externalName, PipelinedCPU, ownName, 1.5},
	{externalName, DeliveriesPerSecond, serialName, 0},
	{plainName, DeliveriesPerSecond, bareClientName, 0.8},
	{plainName, DeliveriesPerSecond, serialName, 0},
}

// against compares us with the references and the aims, which are for the
// largest number of connections.
func against(b *strings.Builder, rows []row, largest bool) {
	head := "| of | figure | against | is | aim | |\n| --- | --- | --- | --- | --- | --- |\n"
	for _, a := range aims {
		c := columns[slices.IndexFunc(columns, func(c column) bool { return c.figure == a.figure })]
		value, show, ok := a.measure(rows, c)
		if !ok || !largest && a.bound != 0 {
			continue
		}
		bound, verdict := a.verdict(value, show, c.most)
		fmt.Fprintf(b, "%s| %s | %s | %s | %s | %s | %s |\n", head, cmp.Or(a.subject, ownName), c.title, cmp.Or(a.reference, "–"), show(value), bound, verdict)
		head = ""
	}
	if head == "" {
		b.WriteString("\n")
	}
}

func (a aim) verdict(value float64, show func(float64) string, most bool) (bound, verdict string) {
	if a.bound == 0 {
		return "–", "–"
	}
	bound, verdict = "at most "+show(a.bound), "reached"
	if most {
		bound = "at least " + show(a.bound)
	}
	if value != a.bound && (value < a.bound) == most {
		verdict = "**missed**"
	}
	return bound, verdict
}

// measure returns what the bound is for and how to write it.
func (a aim) measure(rows []row, c column) (value float64, show func(float64) string, ok bool) {
	value, ok = figure(rows, cmp.Or(a.subject, ownName), a.figure)
	if a.reference == "" || !ok {
		return value, c.show, ok
	}
	reference, ok := figure(rows, a.reference, a.figure)
	if !ok || reference == 0 {
		return 0, nil, false
	}
	return value / reference, ratio, true
}

// figure looks a subject's up.
func figure(rows []row, name string, f Figure) (value float64, ok bool) {
	i := slices.IndexFunc(rows, func(r row) bool { return r.outcome.Name == name })
	if i < 0 {
		return 0, false
	}
	value, ok = rows[i].round.Figures[f]
	return value, ok
}

func ratio(v float64) string { return fmt.Sprintf("%.2f", v) }
