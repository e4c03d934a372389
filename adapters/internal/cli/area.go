package cli

import (
	"fmt"
	"slices"
	"strings"
)

// Area is the lower end of a terminal, whose lines are drawn anew again and again while
// others scroll away above them. It is for one goroutine. An error of the terminal is
// ignored: it could not be shown.
type Area struct {
	Terminal Terminal

	lines []string // what stands there
}

// Draw writes the lines of above, which stay, and has those of the area stand below them. A
// line must not be wider than the terminal.
func (a *Area) Draw(above, lines []string) {
	if len(above) == 0 && strings.Join(lines, "\n") == strings.Join(a.lines, "\n") {
		return
	}
	var b strings.Builder
	if n := len(a.lines); n > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", n) // up, and clear to the end
	}
	for _, line := range slices.Concat(above, lines) {
		b.WriteString(line + "\n")
	}
	a.lines = lines
	_ = a.Terminal.Print(b.String()) // as said above
}

// Clear takes the area away.
func (a *Area) Clear() { a.Draw(nil, nil) }
