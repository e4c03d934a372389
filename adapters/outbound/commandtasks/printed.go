package commandtasks

import "io"

// printed passes lines on to the task's output (rule T21). Of a line that is drawn over
// again and again, as progress bars are, only the last is passed on.
type printed struct {
	to   io.Writer // nil: nowhere
	over string    // what the next line is drawn over
}

// add takes a line as it was printed. What cannot be written is lost: the task has ended,
// or the store has logged it.
func (p *printed) add(line string, end lineEnd) {
	switch {
	case p.to == nil:
	case end == redrawn:
		if line != "" {
			p.over = line
		}
	default:
		if line == "" { // after a carriage return: the line ended with both
			line = p.over
		}
		p.over = ""
		_, _ = io.WriteString(p.to, line+"\n")
	}
}
