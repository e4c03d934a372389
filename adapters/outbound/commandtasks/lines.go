package commandtasks

import "bytes"

// maxLine bounds a line, in bytes: a result in one line may be large, a program
// that prints without line ends must not fill the memory. The rest is dropped.
const maxLine = 1 << 20

// lineEnd is how a line ended.
type lineEnd byte

const (
	complete lineEnd = '\n' // by a line feed, or with the output
	redrawn  lineEnd = '\r' // by a carriage return: the next one is drawn over it
	tooLong  lineEnd = 0    // by maxLine
)

// lines splits what is written to it. Carriage returns end lines as well, as
// progress bars are drawn with them. It is an io.Writer for one goroutine.
type lines struct {
	emit func(line []byte, end lineEnd)
	held []byte // of the line that has not ended
	long bool   // more came than fits; the rest was dropped
}

// Write implements io.Writer. It never fails.
func (l *lines) Write(p []byte) (int, error) {
	written := len(p)
	for {
		end := bytes.IndexAny(p, "\r\n")
		if end < 0 {
			l.hold(p)
			return written, nil
		}
		l.hold(p[:end])
		l.finish(lineEnd(p[end]))
		p = p[end+1:]
	}
}

func (l *lines) hold(p []byte) {
	fits := min(len(p), maxLine-len(l.held))
	l.held = append(l.held, p[:fits]...)
	l.long = l.long || fits < len(p)
}

func (l *lines) finish(end lineEnd) {
	if l.long {
		end = tooLong
	}
	l.emit(l.held, end)
	l.held, l.long = l.held[:0], false
}

// close emits a last line that has no end.
func (l *lines) close() {
	if len(l.held) > 0 {
		l.finish(complete)
	}
}
