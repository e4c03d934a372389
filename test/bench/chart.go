//go:build linux

package bench

import (
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

// chart is a line chart, drawn as SVG that fits light and dark pages.
type chart struct {
	title  string
	x, y   axis
	series []series
}

type series struct {
	name         string
	points       []point
	ours, dashed bool
}

type point struct{ x, y float64 }

// axis maps values to pixels; logarithmic unless linear.
type axis struct {
	title    string
	linear   bool
	min, max float64
	from, to float64 // pixels
}

// Pixels. The legend is on the right.
const (
	width, height         = 860.0, 420.0
	left, right           = 70.0, 590.0
	top, bottom           = 46.0, 360.0
	legendX, legendStep   = 612.0, 22.0
	strokeOurs, strokeAny = 3.5, 1.6
)

// hues tell series apart, also for those who do not see all colours.
var hues = []string{"#888888", "#555555", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#a6761d", "#66a61e"}

const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-size: 16px; font-weight: 600 } .ours { font-weight: 600 }
.grid { stroke: #8884; stroke-width: 1 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>
`

func (c *chart) svg() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" role="img" aria-label="%s">`+"\n", width, height, html.EscapeString(c.title))
	b.WriteString(style)
	c.x.from, c.x.to, c.y.from, c.y.to = left, right, bottom, top
	c.x.fit(c.series, func(p point) float64 { return p.x })
	c.y.fit(c.series, func(p point) float64 { return p.y })
	text(b, left, 24, "title", "start", c.title)
	c.grid(b)
	for i, s := range c.series {
		s.draw(b, i, c.x, c.y)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (a *axis) fit(all []series, of func(point) float64) {
	a.min, a.max = math.Inf(1), math.Inf(-1)
	for _, s := range all {
		for _, p := range s.points {
			a.min, a.max = min(a.min, of(p)), max(a.max, of(p))
		}
	}
	switch {
	case a.min > a.max: // no value
		a.min, a.max = 1, 10
	case a.min == a.max:
		a.min, a.max = a.min*0.9, a.max*1.1
	}
}

func (a *axis) pixel(v float64) float64 {
	share := (v - a.min) / (a.max - a.min)
	if !a.linear {
		share = math.Log(v/a.min) / math.Log(a.max/a.min)
	}
	return a.from + share*(a.to-a.from)
}

// ticks are round values within the axis: 1, 2 and 5 times powers of ten, or
// the powers alone if that is enough.
func (a *axis) ticks() []float64 {
	if a.linear {
		return []float64{1, 25, 50, 75, 90, 99}
	}
	steps := []float64{1, 2, 5}
	if a.max/a.min > 300 {
		steps = steps[:1]
	}
	var all []float64
	for e := math.Floor(math.Log10(a.min)); e <= math.Log10(a.max); e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); v >= a.min*0.999 && v <= a.max*1.001 {
				all = append(all, v)
			}
		}
	}
	return all
}

func (c *chart) grid(b *strings.Builder) {
	for _, v := range c.y.ticks() {
		y := c.y.pixel(v)
		line(b, `class="grid"`, left, y, right, y)
		text(b, left-8, y+4, "", "end", short(v))
	}
	for _, v := range c.x.ticks() {
		x := c.x.pixel(v)
		line(b, `class="grid"`, x, top, x, bottom)
		text(b, x, bottom+18, "", "middle", short(v))
	}
	text(b, (left+right)/2, bottom+40, "", "middle", c.x.title)
	fmt.Fprintf(b, `<g transform="translate(16 %g) rotate(-90)">`, (top+bottom)/2)
	text(b, 0, 0, "", "middle", c.y.title)
	b.WriteString("</g>\n")
}

func short(v float64) string {
	switch {
	case v >= 1e6:
		return humanize.Ftoa(v/1e6) + " M"
	case v >= 1e3:
		return humanize.Ftoa(v/1e3) + " k"
	}
	return humanize.FtoaWithDigits(v, 2)
}

func (s *series) draw(b *strings.Builder, i int, x, y axis) {
	stroke := fmt.Sprintf(`fill="none" stroke="%s" stroke-width="%g"`, hues[i%len(hues)], strokeAny)
	class := ""
	switch {
	case s.ours:
		stroke, class = fmt.Sprintf(`fill="none" stroke="#cf222e" stroke-width="%g"`, strokeOurs), "ours"
	case s.dashed:
		stroke += fmt.Sprintf(` stroke-dasharray="%d 3"`, 3+4*i)
	}
	path := make([]string, len(s.points))
	for i, p := range s.points {
		path[i] = fmt.Sprintf("%.1f,%.1f", x.pixel(p.x), y.pixel(p.y))
	}
	fmt.Fprintf(b, "<polyline %s points=\"%s\"/>\n", stroke, strings.Join(path, " "))
	at := top + legendStep*float64(i)
	line(b, stroke, legendX, at, legendX+22, at)
	text(b, legendX+30, at+4, class, "start", s.name)
}

func line(b *strings.Builder, attributes string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, "<line %s x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", attributes, x1, y1, x2, y2)
}

func text(b *strings.Builder, x, y float64, class, anchor, s string) {
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">%s</text>\n", x, y, class, anchor, html.EscapeString(s))
}
