package records

import (
	"fmt"
	"unicode/utf8"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// The sizes that keep events below Config.MaxEventBytes (rule E8).
const (
	// MinEventBytes leaves room for a short text beside the event's own fields.
	MinEventBytes = 1 << 10
	// maxTextBytes bounds a progress text: far more than a browser shows in a line.
	maxTextBytes = 1 << 10
	// maxUnitBytes bounds the name of a unit, which is a word.
	maxUnitBytes = 16
	// maxErrorBytes bounds an error message: a page of text.
	maxErrorBytes = 4 << 10
	// overhead is more than an event or a snapshot's entry has beside its text
	// or message: its names, its numbers, a unit.
	overhead = 720
	// escaped is how many bytes JSON makes of one at worst: \u003c.
	escaped = 6
)

// Limits says how long the texts in events may be, in bytes, and the labels as JSON,
// which a snapshot has beside the text.
type Limits struct{ Text, Error, Labels int }

func limitsFor(maxEventBytes int) Limits {
	fits := (maxEventBytes - overhead) / escaped
	text := min(maxTextBytes, fits)
	return Limits{Text: text, Error: min(maxErrorBytes, fits), Labels: maxEventBytes - overhead - escaped*text}
}

// CheckLabels returns what is wrong with labels; nil for nothing. With an event limit of
// 32 KiB or more all that rule T16 allows fit. Errors: task.ErrInvalidLabels.
func (l Limits) CheckLabels(labels task.Labels) error {
	if err := labels.Check(); err != nil || len(labels) == 0 {
		return err
	}
	text, err := event.Marshal(labels)
	if err != nil {
		return fmt.Errorf("%w: %w", task.ErrInvalidLabels, err)
	}
	if len(text) > l.Labels {
		return fmt.Errorf("%w: they are %d bytes as JSON, at most %d fit into an event", task.ErrInvalidLabels, len(text), l.Labels)
	}
	return nil
}

// CutUpdate bounds the texts of u (rule E8).
func (l Limits) CutUpdate(u task.Update) task.Update {
	if u.Text != nil {
		u.Text = new(Cut(*u.Text, l.Text))
	}
	if u.Unit != nil {
		u.Unit = new(Cut(*u.Unit, maxUnitBytes))
	}
	return u
}

// Cut returns s, or if it is over limit bytes as much of it as fits, with whole
// runes and a mark that something is missing.
func Cut(s string, limit int) string {
	const mark = "…"
	if len(s) <= limit {
		return s
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
