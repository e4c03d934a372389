// Package appevent holds events of the application that heliograph serves: it publishes
// them under names of its own (rule E11).
package appevent

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/output"
	"heliograph/domain/stream"
	"heliograph/domain/task"
	"heliograph/domain/version"
)

const (
	// MaxNameLength bounds a name, in bytes.
	MaxNameLength = 64
	// KeyTime is for how long an Idempotency-Key counts after its event was published.
	KeyTime = 2 * time.Minute
)

// What the service may say, beside the errors of ports.go. Their texts are fit for the
// caller.
var (
	// ErrInvalidName: the name is none that an application's event can have.
	ErrInvalidName = errors.New("invalid event name")
	// ErrUnderWay: a request with the same Idempotency-Key has not been answered yet, or
	// was given up halfway. It may be tried again.
	ErrUnderWay = errors.New("another request with this Idempotency-Key is under way")
	// ErrShuttingDown: nothing is published any more.
	ErrShuttingDown = errors.New("the service is shutting down")
)

// reserved are the names that heliograph sends itself, beside those of control events, and
// those that an EventSource gives a meaning of its own: "open" and "error" are about its
// connection, and "message" is what an event without a name is, which all are in the
// envelope format.
var reserved = []string{
	task.EventName, task.SnapshotName, output.EventName, version.EventName,
	"message", "open", "error",
}

// Reserved reports whether an application's event cannot have the name, because it means
// something else to clients.
func Reserved(name string) bool { return stream.IsControl(name) || slices.Contains(reserved, name) }

// CheckName says what is wrong with a name. Errors: ErrInvalidName.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is missing or empty", ErrInvalidName)
	case len(name) > MaxNameLength:
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrInvalidName, len(name), MaxNameLength)
	case Reserved(name):
		return fmt.Errorf("%w: %q has a meaning of its own to clients", ErrInvalidName, name)
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return fmt.Errorf("%w: character %d is not one of a-z 0-9 . _ -", ErrInvalidName, i+1)
		}
	}
	return nil
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// Request is an event that is to be published.
type Request struct {
	Name string
	// Data is the payload, one JSON value.
	Data json.RawMessage
	// Audience is whom the event is for; open means everyone.
	Audience access.Choice
	// RequestID makes it a private event for one stream; "" makes it a log event. With
	// one, Audience is open.
	RequestID connection.RequestID
	// Key is the Idempotency-Key; "" is none.
	Key string
	// Owner is the subject of the caller; "" while authentication is off. Keys of
	// different owners never meet.
	Owner string
}

// Receipt says what became of an event.
type Receipt struct {
	// ID is the log event's place; the zero ID for a private event, which has none.
	ID event.ID
	// Delivered says of a log event that it was accepted, whoever is connected, and of a
	// private one that its stream was there and has taken it.
	Delivered bool
}
