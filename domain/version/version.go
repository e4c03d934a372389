// Package version holds frontend versions: which one is current, which one is
// pending for a client, and how they are announced (rules V of the
// specification).
package version

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"heliograph/domain/event"
)

// EventName is the SSE event that carries a version.
const EventName = "version"

// Topics of version events (event.Event.Topic). They tell other nodes what an
// event means; they are stored in the log, so their values stay.
const (
	// PendingTopic is that of versions which were announced for one request_id.
	PendingTopic = "version"
	// AnnouncedTopic is that of versions which were announced for all clients.
	AnnouncedTopic = "version/announced"
	// SourceTopic is that of versions which the source names.
	SourceTopic = "version/current"
)

// ErrInvalid says that a payload is no version. Its text is fit for the caller.
var ErrInvalid = errors.New("invalid version")

// Version is one frontend version as its source gave it. The zero value is no
// version. It is immutable.
type Version struct {
	name    string
	payload json.RawMessage
}

// Parse reads a payload in UTF-8: an object with a non-empty string "version" and, if
// there is one, a string or null "changelog". All other fields pass through
// untouched (rule V4). Errors: ErrInvalid.
func Parse(payload []byte) (Version, error) {
	if err := checkText(payload); err != nil {
		return Version{}, err
	}
	var fields map[string]json.RawMessage // a struct would take "Version" for "version"
	if err := json.Unmarshal(payload, &fields); err != nil || fields == nil {
		return Version{}, fmt.Errorf("%w: want a JSON object", ErrInvalid)
	}
	name, err := text(fields["version"])
	if err != nil || name == "" {
		return Version{}, fmt.Errorf("%w: \"version\" has to be a string that is not empty", ErrInvalid)
	}
	if _, err := text(fields["changelog"]); err != nil {
		return Version{}, fmt.Errorf("%w: \"changelog\" has to be a string", ErrInvalid)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, payload); err != nil {
		return Version{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return Version{name: name, payload: compact.Bytes()}, nil
}

// byteOrderMarks are what editors put before a text, by its encoding. JSON must
// not have one (RFC 8259, section 8.1).
var byteOrderMarks = map[string]string{"\xef\xbb\xbf": "UTF-8", "\xfe\xff": "UTF-16", "\xff\xfe": "UTF-16"}

// checkText holds a payload against the encoding that streams have. The JSON
// package would take other bytes without a word, and pass them on. Errors:
// ErrInvalid.
func checkText(payload []byte) error {
	for mark, encoding := range byteOrderMarks {
		if bytes.HasPrefix(payload, []byte(mark)) {
			return fmt.Errorf("%w: it begins with a byte order mark (BOM) of %s; want UTF-8 without one", ErrInvalid, encoding)
		}
	}
	if !utf8.Valid(payload) {
		return fmt.Errorf("%w: it is not UTF-8", ErrInvalid)
	}
	return nil
}

// text returns a field's string, or "" if it is null or not there.
func text(field json.RawMessage) (s string, err error) {
	if field == nil {
		return "", nil
	}
	err = json.Unmarshal(field, &s)
	return s, err
}

// Named returns the version that is nothing but its name, which must not be
// empty.
func Named(name string) (Version, error) {
	payload, err := event.Marshal(map[string]string{"version": name})
	if err != nil {
		return Version{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return Parse(payload)
}

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v.name == "" }

// Name is the value of "version", such as 1.4.2.
func (v Version) Name() string { return v.name }

// Same reports whether both are the same version with the same fields, in the same
// order.
func (v Version) Same(other Version) bool { return bytes.Equal(v.payload, other.payload) }

// Payload is the version event's data: compact JSON. The caller must not
// change it.
func (v Version) Payload() json.RawMessage { return v.payload }
