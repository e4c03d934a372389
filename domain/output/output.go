// Package output holds what running tasks print: text that is only ever appended to, of
// which the beginning and the end are kept (rules T21 to T23), and the ports to where it
// is kept, written, read and followed.
package output

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"heliograph/domain/task"
)

const (
	// HeadBytes is how much of the beginning of an output is kept (rule T21).
	HeadBytes = 64 << 10
	// MaxAppend is the most that one call appends, in bytes (rule T21).
	MaxAppend = 64 << 10
	// DefaultTail is how much of the end is kept unless it is configured, in bytes.
	DefaultTail = 1 << 20
	// MinTail is the least: one call, so that one whose answer was lost is known again.
	MinTail = MaxAppend
	// MaxTail bounds what an operator may configure, in bytes: all of it may be in memory.
	MaxTail = 64 << 20
)

// What the ports may say; the texts are fit for callers.
var (
	// ErrWrongOffset: the output does not end where the caller appends, or ends before
	// where the caller reads. Nothing was changed. It comes as an *OffsetError.
	ErrWrongOffset = errors.New("wrong offset")
	// ErrTooLarge: one call appends more than MaxAppend bytes.
	ErrTooLarge = fmt.Errorf("one call appends at most %d bytes", MaxAppend)
	// ErrInvalidUTF8: the bytes are not UTF-8, or begin or end within a character.
	ErrInvalidUTF8 = errors.New("the output must be UTF-8, and a character must not be split across calls")
	// ErrUnavailable: the store cannot be reached now, or takes nothing. It may have
	// appended all the same; the same call again is safe.
	ErrUnavailable = errors.New("task output is unavailable")
	// ErrTooMany: the connection follows as many tasks as it may.
	ErrTooMany = errors.New("the connection follows too many tasks already")
	// ErrShuttingDown: nothing is waited for any more.
	ErrShuttingDown = errors.New("the service is shutting down")
)

// OffsetError is ErrWrongOffset with the right offset.
type OffsetError struct{ Length int64 }

// Error says the right offset.
func (e *OffsetError) Error() string {
	return fmt.Sprintf("%s: the output has %d bytes", ErrWrongOffset, e.Length)
}

// Is has errors.Is know it as ErrWrongOffset.
func (*OffsetError) Is(target error) bool { return target == ErrWrongOffset }

// Piece is text of an output, which begins at Offset. It is never changed.
type Piece struct {
	Offset int64
	Text   []byte
}

// End is the offset after the text.
func (p Piece) End() int64 { return p.Offset + int64(len(p.Text)) }

// Chunk is what a reader gets at an offset: text that is kept, from there on or, where
// that is gone, from the next that is kept. Text is empty when there is no more yet.
type Chunk struct {
	Piece

	// Length is how long the output was when it was read, in bytes, gone ones included.
	Length int64
	// Closed says that the task has ended: nothing follows Length.
	Closed bool
}

// Complete reports whether a reader that has taken the chunk has all there will ever be.
func (c Chunk) Complete() bool { return c.Closed && c.End() >= c.Length }

// Check returns why text cannot be appended in one call. Errors: ErrTooLarge,
// ErrInvalidUTF8.
func Check(text []byte) error {
	switch {
	case len(text) > MaxAppend:
		return ErrTooLarge
	case !utf8.Valid(text):
		return ErrInvalidUTF8
	default:
		return nil
	}
}

// Window says which bytes of an output are kept: those before HeadEnd, and those from
// TailStart on.
type Window struct {
	HeadEnd, TailStart, Length int64
}

// WindowOf returns the window of an output of that length of whose end so many bytes are
// kept.
func WindowOf(length, tail int64) Window {
	return Window{HeadEnd: min(HeadBytes, length), TailStart: max(length-tail, min(HeadBytes, length)), Length: length}
}

// Next returns the offset of the first byte that may be kept and is not before from.
func (w Window) Next(from int64) int64 {
	if from >= w.HeadEnd && from < w.TailStart {
		return w.TailStart
	}
	return from
}

// Cut returns what a reader at from is given of a piece, at most limit bytes of it, but
// at least one character: whole characters that the window keeps. An empty Text says
// that the piece has nothing for it; then Offset is where to go on.
func (w Window) Cut(p Piece, from int64, limit int) Piece {
	start := w.Next(max(from, p.Offset))
	for start < p.End() && !utf8.RuneStart(p.Text[start-p.Offset]) {
		start++
	}
	bound := p.End()
	if start < w.HeadEnd && w.HeadEnd < w.TailStart {
		bound = min(bound, w.HeadEnd)
	}
	if start >= bound {
		return Piece{Offset: max(start, bound)}
	}
	stop := min(bound, start+int64(max(limit, utf8.UTFMax)))
	for stop > start && stop < p.End() && !utf8.RuneStart(p.Text[stop-p.Offset]) {
		stop--
	}
	if stop == start { // a character that the head's end divides
		return Piece{Offset: bound}
	}
	return Piece{Offset: start, Text: p.Text[start-p.Offset : stop-p.Offset : stop-p.Offset]}
}

// EventName is the name of the private events that carry output to streams which follow
// tasks.
const EventName = "task_output"

// Followed is what a stream is to follow.
type Followed struct {
	Task task.ID
	// Offset is where the output goes on.
	Offset int64
	// Ends says that the task is not to be followed any more.
	Ends bool
}
