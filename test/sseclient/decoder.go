// Package sseclient is a client for Server-Sent Events that records all it is
// told, for tests.
//
// It reads the event-stream format as the WHATWG's HTML standard defines it
// (section 9.2.6) and shares no code with the product, so that the two cannot
// be wrong in the same way. What a browser would ignore it ignores too, but
// notes it as a violation.
package sseclient

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind says what an Item is.
type Kind int

// The kinds.
const (
	KindEvent   Kind = iota + 1 // an event that a browser would dispatch
	KindComment                 // a line that begins with a colon
	KindRetry                   // a reconnection time
)

// Item is one thing that a stream said. Only the field of its kind is set.
type Item struct {
	Kind    Kind
	Event   Event
	Comment string
	Retry   time.Duration
}

// Event is one dispatched event.
type Event struct {
	// ID is the value of the event's own id field, "" if it had none.
	ID string
	// Name is the event's type: "message" if it did not say.
	Name string
	Data string
}

// maxLine bounds what one line may hold, in bytes: no event of the product
// comes near it.
const maxLine = 4 << 20

// errLineTooLong: the stream is no event stream, or a test sends without end.
var errLineTooLong = errors.New("a line of the stream is too long")

// Decoder reads the items of one stream. It is not safe for concurrent use.
type Decoder struct {
	in         *bufio.Reader
	afterCR    bool // the line before ended in CR: an LF that follows belongs to it
	begun      bool
	pending    pending
	lastID     string
	violations []string
}

// pending is what the lines since the last blank one said.
type pending struct {
	id, name   string
	data       []string
	hasID, any bool // any: there was a field at all
}

// NewDecoder returns a Decoder of r. lastID is where an earlier stream of the
// same client ended, "" for a first one.
func NewDecoder(r io.Reader, lastID string) *Decoder {
	return &Decoder{in: bufio.NewReader(r), lastID: lastID}
}

// LastID is what a client would send as Last-Event-ID now.
func (d *Decoder) LastID() string { return d.lastID }

// Violations lists what the stream said that no correct server says.
func (d *Decoder) Violations() []string { return d.violations }

// Next returns the next item as soon as it is complete. Errors: io.EOF when the
// stream ended between two events, io.ErrUnexpectedEOF when it ended within
// one, which is then dropped, and those of the reader.
func (d *Decoder) Next() (Item, error) {
	for {
		line, err := d.line()
		if err != nil {
			return Item{}, err
		}
		if item, complete := d.take(line); complete {
			return item, nil
		}
	}
}

// line returns the next line without its end, which is CR, LF or CRLF.
func (d *Decoder) line() (string, error) {
	var line []byte
	for {
		c, err := d.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && (len(line) > 0 || d.pending.any):
			return "", io.ErrUnexpectedEOF
		case err != nil:
			return "", err
		case c == '\n' && d.afterCR:
			d.afterCR = false
			continue
		}
		d.afterCR = c == '\r'
		if c == '\r' || c == '\n' {
			return d.text(line), nil
		}
		if line = append(line, c); len(line) > maxLine {
			return "", errLineTooLong
		}
	}
}

// text decodes a line: UTF-8, with one byte order mark at the stream's start.
func (d *Decoder) text(line []byte) string {
	s := string(line)
	if !d.begun {
		s = strings.TrimPrefix(s, "\ufeff")
		d.begun = true
	}
	if !utf8.ValidString(s) {
		d.violation("invalid UTF-8", s)
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// take processes one line, and returns the item that it completed.
func (d *Decoder) take(line string) (Item, bool) {
	if line == "" {
		return d.dispatch()
	}
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "":
		return Item{Kind: KindComment, Comment: value}, true
	case "retry":
		return d.retry(value)
	}
	d.field(name, value)
	return Item{}, false
}

func (d *Decoder) field(name, value string) {
	d.pending.any = true
	switch {
	case name == "data":
		d.pending.data = append(d.pending.data, value)
	case name == "event":
		d.pending.name = value
	case name == "id" && strings.Contains(value, "\x00"):
		d.violation("id with NUL", value)
	case name == "id":
		d.pending.id, d.pending.hasID = value, true
	default:
		d.violation("unknown field", name)
	}
}

func (d *Decoder) retry(value string) (Item, bool) {
	ms, err := strconv.ParseUint(value, 10, 31)
	if err != nil || strings.HasPrefix(value, "+") {
		d.violation("retry that is no number of milliseconds", value)
		return Item{}, false
	}
	return Item{Kind: KindRetry, Retry: time.Duration(ms) * time.Millisecond}, true
}

// dispatch ends an event. One without data only moves the last event ID.
func (d *Decoder) dispatch() (Item, bool) {
	p := d.pending
	if p.hasID {
		d.lastID = p.id
	}
	d.pending = pending{}
	if p.data == nil {
		if p.name != "" {
			d.violation("event without data", p.name)
		}
		return Item{}, false
	}
	if p.name == "" {
		p.name = "message"
	}
	return Item{Kind: KindEvent, Event: Event{ID: p.id, Name: p.name, Data: strings.Join(p.data, "\n")}}, true
}

func (d *Decoder) violation(what, value string) {
	d.violations = append(d.violations, fmt.Sprintf("%s: %.80q", what, value))
}
