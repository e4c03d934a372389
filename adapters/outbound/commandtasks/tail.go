package commandtasks

import (
	"regexp"
	"strings"
	"unicode"
)

// maxTail bounds the end of the output that a failure's message has, in bytes: a
// screen of text, and little enough for an event (rule E8).
const maxTail = 2 << 10

// tail keeps the last lines of an output as a terminal would show them: one that
// ended with a carriage return only until the next. Its zero value is empty.
type tail struct {
	kept    []string
	size    int  // of kept, with a line feed each
	redrawn bool // the last one is drawn over by the next
}

func (t *tail) add(line string, end lineEnd) {
	if line == "" { // such as between the two bytes of a Windows line end
		t.redrawn = t.redrawn && end == redrawn
		return
	}
	if t.redrawn {
		t.drop(len(t.kept) - 1)
	}
	t.redrawn = end == redrawn
	if len(line) > maxTail {
		line = "…" + strings.ToValidUTF8(line[len(line)-maxTail:], "")
	}
	t.kept, t.size = append(t.kept, line), t.size+len(line)+1
	for len(t.kept) > 1 && t.size > maxTail {
		t.drop(0)
	}
}

func (t *tail) drop(i int) {
	t.size -= len(t.kept[i]) + 1
	t.kept = append(t.kept[:i], t.kept[i+1:]...)
}

func (t *tail) String() string { return strings.Join(t.kept, "\n") }

// escape is a terminal's control sequence, such as a color.
var escape = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]")

// printable leaves out what only a terminal understands.
func printable(line string) string {
	return strings.TrimRightFunc(strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, escape.ReplaceAllString(line, "")), unicode.IsSpace)
}
