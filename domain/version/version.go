// Package version holds frontend versions: which one is current, which one is
// pending for a client, and how they are announced (rules V of the
// specification).
package version

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// EventName is the SSE event that carries a version.
const EventName = "version"

// Key is the event.Key of every version event: a newer one makes it worthless.
const Key = "version"

// ErrInvalid says that a payload is no version. Its text is fit for the caller.
var ErrInvalid = errors.New("invalid version")

// Version is one frontend version as its source told it. The zero value is no
// version. It is immutable.
type Version struct {
	name    string
	payload json.RawMessage
}

// Parse reads a payload: an object with a non-empty string "version" and, if
// there is one, a string "changelog". All other fields pass through untouched
// (rule V4). Errors: ErrInvalid.
func Parse(payload []byte) (Version, error) {
	var fields struct {
		Version   *string `json:"version"`
		Changelog *string `json:"changelog"`
	}
	if err := json.Unmarshal(payload, &fields); err != nil {
		return Version{}, fmt.Errorf("%w: want an object with a string \"version\" and an optional string \"changelog\"", ErrInvalid)
	}
	if fields.Version == nil || *fields.Version == "" {
		return Version{}, fmt.Errorf("%w: \"version\" is missing or empty", ErrInvalid)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, payload); err != nil {
		return Version{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return Version{name: *fields.Version, payload: compact.Bytes()}, nil
}

// Named returns the version that is nothing but its name, which must not be
// empty.
func Named(name string) (Version, error) {
	payload, err := json.Marshal(map[string]string{"version": name})
	if err != nil {
		return Version{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return Parse(payload)
}

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v.name == "" }

// Name is the value of "version", such as 1.4.2.
func (v Version) Name() string { return v.name }

// Payload is the version event's data: compact JSON. The caller must not
// change it.
func (v Version) Payload() json.RawMessage { return v.payload }
