package cli

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Cell is a place in a table: one line of text, and its style.
type Cell struct {
	Text  string
	Style Style
}

const (
	gap = 2 // columns between those of the table
	// leastWidth is the least that a column is cut to; below that it is left out.
	leastWidth = 6
)

// Table returns rows under their names, all aligned. On a terminal no line is longer than
// the terminal is wide: what comes last is cut, or left out. Elsewhere nothing is.
func (t Terminal) Table(names []string, rows [][]Cell) string {
	head := make([]Cell, len(names))
	for i, name := range names {
		head[i] = Cell{name, Faint}
	}
	rows = append([][]Cell{head}, rows...)
	widths := t.fit(widthsOf(rows))
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		blank := 0 // that is owed before the next text: no line ends with any
		for i, width := range widths {
			text := Cut(Plain(row[i].Text), width)
			if text != "" {
				line.WriteString(strings.Repeat(" ", blank))
				line.WriteString(t.Paint(row[i].Style, text))
				blank = 0
			}
			blank += width - uniseg.StringWidth(text) + gap
		}
		b.WriteString(line.String() + "\n")
	}
	return b.String()
}

// widthsOf returns how wide each column would be.
func widthsOf(rows [][]Cell) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(Plain(cell.Text)))
		}
	}
	return widths
}

// fit returns the widths of the columns that are shown. The first always is.
func (t Terminal) fit(widths []int) []int {
	room := t.Width()
	if room <= 0 {
		return widths
	}
	for i, width := range widths {
		switch {
		case width <= room:
			room -= width + gap
		case i == 0 || room >= leastWidth:
			widths[i] = max(room, 1)
			return widths[:i+1]
		default:
			return widths[:i]
		}
	}
	return widths
}
