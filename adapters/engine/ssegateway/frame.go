package ssegateway

import (
	"fmt"
	"strings"

	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// Frame is an encoded Raw, which any number of streams can share. The zero Frame
// is no event at all.
type Frame struct {
	id     string
	name   string
	replay bool
	bytes  []byte
}

// Frame encodes r for the engine's streams. Errors: event.ErrInvalid, for an ID
// or a name that would break the line that it is written on.
func (g *Gateway) Frame(r wire.Raw) (Frame, error) {
	if strings.ContainsAny(r.ID, "\r\n\x00") {
		return Frame{}, fmt.Errorf("%w: its id holds a line break or NUL", event.ErrInvalid)
	}
	if strings.ContainsAny(r.Name, "\r\n\x00") {
		return Frame{}, fmt.Errorf("%w: its name holds a line break or NUL", event.ErrInvalid)
	}
	return Frame{id: r.ID, name: r.Name, replay: r.Replay, bytes: g.engine.Format().AppendRaw(nil, r)}, nil
}

// withoutID is the rest of f's bytes, after the line with its ID.
func (f Frame) withoutID() []byte {
	if f.id == "" {
		return f.bytes
	}
	return f.bytes[len("id: \n")+len(f.id):]
}

// control reports whether f is about the stream itself: its ID is a position in the
// log, but f is not the event at that position.
func (f Frame) control() bool { return stream.IsControl(f.name) }
