package wire

import (
	"encoding/json"
	"fmt"

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

// AppendRaw appends r, with its ID if it has one.
func (f Format) AppendRaw(b []byte, r Raw) []byte {
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
