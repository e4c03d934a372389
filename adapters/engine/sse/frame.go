package sse

import (
	"encoding/json"
	"fmt"
	"strings"

	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// Raw is an event of a backend that uses this engine as its gateway: unlike
// event.Event it may have no name, its data is any text, and its ID is the
// backend's. All are optional.
type Raw struct {
	ID   string
	Name string
	Data string
	// Replay says that this is a log event which the client missed: it goes to a
	// stream that is pending, and to an open one it comes too late.
	Replay bool
}

// Frame is an encoded Raw, which any number of streams can share. The zero Frame
// is no event at all.
type Frame struct {
	id     string
	name   string
	replay bool
	bytes  []byte
}

// Frame encodes r for this engine's streams. Errors: event.ErrInvalid, for an ID
// or a name that would break the line that it is written on.
func (e *Engine) Frame(r Raw) (Frame, error) {
	if strings.ContainsAny(r.ID, "\r\n\x00") {
		return Frame{}, fmt.Errorf("%w: its id holds a line break or NUL", event.ErrInvalid)
	}
	if strings.ContainsAny(r.Name, "\r\n\x00") {
		return Frame{}, fmt.Errorf("%w: its name holds a line break or NUL", event.ErrInvalid)
	}
	return Frame{id: r.ID, name: r.Name, replay: r.Replay, bytes: e.cfg.Format.appendRaw(nil, r)}, nil
}

// withoutID is the rest of f's bytes, after the line with its ID.
func (f Frame) withoutID() []byte {
	if f.id == "" {
		return f.bytes
	}
	return f.bytes[len("id: \n")+len(f.id):]
}

// control reports whether f speaks of the stream itself: its ID is a place in
// the log, but f is not what lies there.
func (f Frame) control() bool { return stream.IsControl(f.name) }

func (f Format) appendRaw(b []byte, r Raw) []byte {
	if r.ID != "" {
		b = append(append(append(b, "id: "...), r.ID...), '\n')
	}
	if f == FormatEnvelope && r.Name != "" && !stream.IsControl(r.Name) {
		return appendEnvelope(b, event.Event{Name: r.Name, Data: asJSON(r.Data)})
	}
	if r.Name != "" {
		b = append(append(append(b, "event: "...), r.Name...), '\n')
	}
	return append(appendData(b, []byte(r.Data)), '\n')
}

// asJSON returns data if that is JSON, and else as a JSON string.
func asJSON(data string) json.RawMessage {
	if text := []byte(data); json.Valid(text) {
		return text
	}
	text, err := event.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("sse: a string cannot be encoded: %v", err)) // encoding/json encodes every string
	}
	return text
}
