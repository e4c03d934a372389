package event

import (
	"bytes"
	"encoding/json"
)

// MaxWritten bounds Written of a payload that is to reach the streams of an external
// gateway: those in the field refuse bodies of 100,000 bytes, and the token, the name
// and the ID need some of them (rule E8).
const MaxWritten = 98_000

// Written is how many bytes data takes as a JSON string, which is how it is written to
// an external gateway: quotes and backslashes, line breaks, the separators U+2028 and
// U+2029, and bytes that are no UTF-8 take more there than here.
func Written(data json.RawMessage) int {
	n := len(`""`) + len(data)
	for _, b := range data {
		switch b {
		case '"', '\\', '\n', '\r', '\t':
			n++
		}
	}
	n += (bytes.Count(data, []byte("\u2028")) + bytes.Count(data, []byte("\u2029"))) * (len(`\u2028`) - len("\u2028"))
	invalid := len(data) - len(bytes.ToValidUTF8(data, nil))
	return n + invalid*(len(`\ufffd`)-1)
}

// Marshal is json.Marshal that leaves <, > and & as they are: what is sent to browsers
// is no HTML, and each would take six bytes instead of one.
func Marshal(v any) (json.RawMessage, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}
