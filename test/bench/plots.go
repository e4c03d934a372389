//go:build linux

package bench

import (
	"maps"
	"slices"
)

// Plot is one picture made from results.
type Plot struct {
	Name  string // of the file, without .svg and what comes before it
	Title string
	x, y  string // the axes' titles
	lines func(o *Outcome, sizes []int) []point
	linX  bool // otherwise both axes are logarithmic
}

// Plots are all pictures.
var Plots = []Plot{
	{Name: "throughput", Title: "Fan-out throughput", x: "connections", y: "deliveries per second, 16 messages in flight", lines: over(DeliveriesPerSecond, 1)},
	{Name: "memory", Title: "Memory", x: "connections", y: "KB per connection, after traffic", lines: gateways(over(UsedBytes, 1.0/1024))},
	{Name: "latency", Title: "Latency, 10 messages a second", x: "percentile", y: "milliseconds from publishing to receipt", lines: distribution, linX: true},
}

// over is a figure against the number of connections.
func over(f Figure, unit float64) func(*Outcome, []int) []point {
	return func(o *Outcome, _ []int) []point {
		var line []point
		for _, size := range slices.Sorted(maps.Keys(o.BySize)) {
			if v, ok := o.BySize[size].Figures[f]; ok && v > 0 {
				line = append(line, point{float64(size), v * unit})
			}
		}
		return line
	}
}

// gateways leaves the references out, of which nothing but noise would show.
func gateways(lines func(*Outcome, []int) []point) func(*Outcome, []int) []point {
	return func(o *Outcome, sizes []int) []point {
		if o.Reference {
			return nil
		}
		return lines(o, sizes)
	}
}

// distribution is the latency at the largest number of connections.
func distribution(o *Outcome, sizes []int) []point {
	var line []point
	for p, v := range o.BySize[slices.Max(sizes)].Percentiles {
		if p > 0 { // the one fastest delivery says nothing
			line = append(line, point{float64(p), max(v, 0.01)})
		}
	}
	return line
}

// SVG draws the plot.
func (p Plot) SVG(r Results) string {
	c := chart{title: p.Title, x: axis{title: p.x, linear: p.linX}, y: axis{title: p.y}}
	for i := range r.Subjects {
		o := &r.Subjects[i]
		if line := p.lines(o, r.Options.Sizes); len(line) > 0 {
			c.series = append(c.series, series{name: o.Name, points: line, ours: o.Ours, dashed: o.Reference})
		}
	}
	return c.svg()
}
