// Package wire encodes events for a stream: as bytes in both formats of events, and in
// chunks.
//
// Concurrency properties: functions only, which may be called from anywhere.
package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// Format is how events look on a stream (gateway-protocol, "Event formats").
type Format string

// The two generations of clients.
const (
	FormatNamed    Format = "named"    // event: <name>, data: <payload>
	FormatEnvelope Format = "envelope" // data: {"type":<name>,"payload":<payload>}
)

// ReadyFrame opens a stream in the envelope format. It carries no ID.
const ReadyFrame = "event: ready\ndata:\n\n"

// frameOverhead bounds what encoding adds to an event beside its name, its
// data and six bytes per line of data: the field names, the ID and the envelope.
const frameOverhead = 192

// FrameSize is an upper bound of the length of ev's frame.
func FrameSize(ev event.Event) int {
	lines := 1 + bytes.Count(ev.Data, []byte{'\n'}) + bytes.Count(ev.Data, []byte{'\r'})
	return frameOverhead + 6*len(ev.Name) + len(ev.Data) + 6*lines // a name's byte is \u00XX at worst
}

// AppendID appends the line with the ID that a client remembers as its position.
func AppendID(b []byte, id event.ID) []byte {
	b = append(b, "id: "...)
	b = id.AppendTo(b)
	return append(b, '\n')
}

// AppendEvent appends all of ev's frame but its ID. ev is valid.
func (f Format) AppendEvent(b []byte, ev event.Event) []byte {
	if f == FormatEnvelope && !ev.Control() {
		return appendEnvelope(b, ev)
	}
	b = append(b, "event: "...)
	b = append(b, ev.Name...)
	b = append(b, '\n')
	return append(appendData(b, ev.Data), '\n')
}

func appendEnvelope(b []byte, ev event.Event) []byte {
	name, err := event.Marshal(ev.Name)
	if err != nil {
		panic(fmt.Sprintf("sse: a string cannot be encoded: %v", err)) // encoding/json encodes every string
	}
	b = append(b, `data: {"type":`...)
	b = append(b, name...)
	b = append(b, `,"payload":`...)
	// The first line goes on after the payload's key; white space in JSON may break lines.
	b = append(appendLines(b, ev.Data), "}\n\n"...)
	return b
}

func appendData(b []byte, data []byte) []byte {
	b = append(b, "data: "...)
	return append(appendLines(b, data), '\n')
}

// appendLines appends data with a field name after each line break, be it LF,
// CR or CRLF, and none at the end.
func appendLines(b []byte, data []byte) []byte {
	for {
		i := bytes.IndexAny(data, "\r\n")
		if i < 0 {
			return append(b, data...)
		}
		b = append(append(b, data[:i]...), "\ndata: "...)
		if data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n' {
			i++
		}
		data = data[i+1:]
	}
}

// AppendRetry appends the field that makes a client wait that long before it reconnects.
func AppendRetry(b []byte, wait time.Duration) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, wait.Milliseconds(), 10)
	return append(b, "\n\n"...)
}

// RejectedFrame is the stream that a rejected client gets in the envelope
// format: one control event.
func RejectedFrame(status int, message string) []byte {
	data, err := event.Marshal(struct {
		Status  int    `json:"status"`
		Message string `json:"message"`
	}{status, message})
	if err != nil {
		panic(fmt.Sprintf("sse: a string cannot be encoded: %v", err)) // encoding/json encodes every string
	}
	return FormatEnvelope.AppendEvent(nil, event.Event{Name: stream.NameRejected, Data: data})
}

// AppendReset appends the stream_reset frame, with the position from which the client
// reads now.
func AppendReset(b []byte, at event.ID, why stream.ResetReason) []byte {
	return FormatNamed.AppendEvent(AppendID(b, at), stream.Reset(why))
}
