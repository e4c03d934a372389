package cli

import (
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/rivo/uniseg"
)

// Plain makes one line of text, without what a terminal would obey: a task's text
// may come from any client.
func Plain(text string) string { return strings.TrimSpace(Printable(text)) }

// Printable is Plain that keeps the blanks at both ends.
func Printable(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, line)
}

// Cut shortens text to a number of columns.
func Cut(text string, columns int) string {
	if uniseg.StringWidth(text) <= columns {
		return text
	}
	var short strings.Builder
	for graphemes, room := uniseg.NewGraphemes(text), columns-1; graphemes.Next() && room >= graphemes.Width(); {
		room -= graphemes.Width()
		short.WriteString(graphemes.Str())
	}
	return short.String() + "…"
}

// Age says how long ago t is, or how long it will be, such as "3 min ago" and "in 2 h".
func Age(t, now time.Time) string {
	text := humanize.CustomRelTime(t, now, "ago", "in", ages)
	if ahead, found := strings.CutSuffix(text, " in"); found {
		return "in " + ahead
	}
	return text
}

// ages are shorter than those of the library, which would fill a table.
var ages = []humanize.RelTimeMagnitude{
	{D: time.Second, Format: "now", DivBy: time.Second},
	{D: time.Minute, Format: "%d s %s", DivBy: time.Second},
	{D: time.Hour, Format: "%d min %s", DivBy: time.Minute},
	{D: humanize.Day, Format: "%d h %s", DivBy: time.Hour},
	{D: 2 * humanize.Day, Format: "1 day %s", DivBy: 1},
	{D: humanize.LongTime, Format: "%d days %s", DivBy: humanize.Day},
	{D: 1 << 62, Format: "long %s", DivBy: 1},
}
