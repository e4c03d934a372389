package output_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"heliograph/domain/output"
)

func TestWhatOneCallMayAppend(t *testing.T) { // T21
	for text, want := range map[string]error{
		"":                                      nil,
		"one\n":                                 nil,
		"ü€😀\x00":                               nil,
		strings.Repeat("x", output.MaxAppend):   nil,
		strings.Repeat("x", output.MaxAppend+1): output.ErrTooLarge,
		"\xff":                                  output.ErrInvalidUTF8,
		"€"[:2]:                                 output.ErrInvalidUTF8,
		"€"[1:]:                                 output.ErrInvalidUTF8,
	} {
		if err := output.Check([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%d bytes, %.10q: %v, want %v", len(text), text, err, want)
		}
	}
}

func TestTheWindowIsTheHeadAndTheTail(t *testing.T) { // T21
	const tail = output.MinTail
	for _, c := range []struct{ length, from, next int64 }{
		{0, 0, 0},
		{100, 50, 50},
		{output.HeadBytes + tail, output.HeadBytes, output.HeadBytes}, // nothing is gone
		{output.HeadBytes + tail + 1, output.HeadBytes - 1, output.HeadBytes - 1},
		{output.HeadBytes + tail + 1, output.HeadBytes, output.HeadBytes + 1},
		{output.HeadBytes + 10*tail, output.HeadBytes + tail, output.HeadBytes + 9*tail},
		{output.HeadBytes + 10*tail, output.HeadBytes + 9*tail, output.HeadBytes + 9*tail},
	} {
		if got := output.WindowOf(c.length, tail).Next(c.from); got != c.next {
			t.Errorf("of %d bytes, from %d the next that is kept is %d, want %d", c.length, c.from, got, c.next)
		}
	}
}

// FuzzCut holds what readers are given against what they may be.
func FuzzCut(f *testing.F) {
	f.Add("ü€😀", int64(output.HeadBytes-3), int64(0), 3, int64(200_000))
	f.Add("one", int64(0), int64(2), 100, int64(3))
	f.Fuzz(func(t *testing.T, text string, at, from int64, limit int, more int64) {
		if !utf8.ValidString(text) || at < 0 || at > 1<<40 || from < 0 || limit < 1 || more < 0 || more > 1<<40 {
			t.Skip("no piece of an output")
		}
		p := output.Piece{Offset: at, Text: []byte(text)}
		w := output.WindowOf(p.End()+more, output.MinTail)
		got := w.Cut(p, from, limit)
		switch {
		case len(got.Text) == 0:
			if got.Offset < from && got.Offset < w.Next(from) {
				t.Errorf("nothing, and then goes back to %d", got.Offset)
			}
		case got.Offset < from || got.Offset < at || got.End() > p.End() || string(got.Text) != text[got.Offset-at:got.End()-at]:
			t.Errorf("%q at %d is none of %q at %d", got.Text, got.Offset, text, at)
		case !utf8.Valid(got.Text) || len(got.Text) > max(limit, utf8.UTFMax):
			t.Errorf("%q, at most %d", got.Text, limit)
		case w.Next(got.Offset) != got.Offset || got.Offset < w.HeadEnd && w.HeadEnd < w.TailStart && got.End() > w.HeadEnd:
			t.Errorf("%d to %d is not kept: %+v", got.Offset, got.End(), w)
		}
	})
}
