package cli

import "heliograph/domain/task"

// Style is how text looks on a terminal that has colours, by the codes of ECMA-48 (SGR).
type Style string

// The styles. None of them carries a meaning alone: the words beside them say the same.
const (
	Regular Style = ""
	Bold    Style = "1"
	Faint   Style = "2"
	Red     Style = "31"
	Green   Style = "32"
	Yellow  Style = "33"
	Cyan    Style = "36"
)

// Paint returns text in a style, if there are colours.
func (t Terminal) Paint(style Style, text string) string {
	if !t.Colours || style == Regular || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// StyleOf returns the style of a task's status.
func StyleOf(status task.Status) Style {
	switch status {
	case task.Running:
		return Cyan
	case task.Completed:
		return Green
	case task.Failed:
		return Red
	case task.Cancelled:
		return Yellow
	case task.Pending:
		return Regular
	}
	return Regular
}
