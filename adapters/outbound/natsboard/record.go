package natsboard

import (
	"bytes"
	"encoding/json"
	"fmt"

	"heliograph/domain/event"
	"heliograph/domain/version"
)

// recordFormat is the version of the stored form. A reader takes every one that it
// knows and leaves out fields that it does not.
const recordFormat = 1

// record is how a version and its place are stored.
type record struct {
	Format int    `json:"format"`
	Epoch  string `json:"epoch"`
	Seq    uint64 `json:"seq"`
	// Version is the payload, byte by byte.
	Version json.RawMessage `json:"version"`
}

func encode(v version.Logged) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // it would change the payload (rule V4)
	err := e.Encode(record{Format: recordFormat, Epoch: v.At.Epoch, Seq: v.At.Seq, Version: v.Version.Payload()})
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// decode reads what encode wrote. Errors: version.ErrInvalid.
func decode(text []byte) (version.Logged, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return version.Logged{}, fmt.Errorf("version board: %w: %w", version.ErrInvalid, err)
	}
	if r.Format != recordFormat {
		return version.Logged{}, fmt.Errorf("version board: %w: its record has format %d, known is %d", version.ErrInvalid, r.Format, recordFormat)
	}
	v, err := version.Parse(r.Version)
	if err != nil {
		return version.Logged{}, fmt.Errorf("version board: %w", err)
	}
	return version.Logged{Version: v, At: event.ID{Epoch: r.Epoch, Seq: r.Seq}}, nil
}
