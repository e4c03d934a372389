package wire

import (
	"bytes"
	"encoding/json"
)

// DecodeEvent returns the name and the payload of a log event's frame, which AppendEvent has
// made in the same format, after an ID or without one. Line breaks in the payload, which
// are white space there, have become LF.
func (f Format) DecodeEvent(frame []byte) (name string, data json.RawMessage) {
	for line := range bytes.Lines(frame) {
		field, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		switch string(field) {
		case "event":
			name = string(value)
		case "data":
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
		}
	}
	if f != FormatEnvelope {
		return name, data
	}
	var envelope struct {
		Type    string          `json:"type"`
		Payload json.RawMessage `json:"payload"`
	}
	_ = json.Unmarshal(data, &envelope) // it was made here
	return envelope.Type, envelope.Payload
}
