// Package event holds what is sent to browsers and the ports of the broker,
// which puts what goes to everyone into one order.
//
// Three kinds exist. A log event goes to every stream and has an ID, its place
// in the order. A private event goes to one stream and has none of its own. A
// control event (replaced, stream_reset, rejected, ready, ping) speaks of the
// stream itself; it is neither logged nor counted.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"heliograph/domain/access"
)

// Service is the part of the product that an event belongs to: the closed set
// of values of the metrics' service label. Control events have none ("").
type Service string

// The services.
const (
	ServiceTask    Service = "task"
	ServiceVersion Service = "version"
	ServiceApp     Service = "app" // events of the application's own (rule E11)
)

// Services lists every service, for what is kept per service.
var Services = [...]Service{ServiceTask, ServiceVersion, ServiceApp}

// Event is one message for browsers. It is a value; Data must not be changed once
// the event was handed over.
type Event struct {
	// Service is the service that the event is counted for; "" makes it a control event.
	Service Service
	// Name is the SSE event name.
	Name string
	// Data is the payload, one JSON value.
	Data json.RawMessage
	// Key marks an event that only says the latest state of something: while it
	// waits to be sent, a newer one with the same Key may take its place (rule
	// E10). "" means that every event counts.
	Key string
	// Topic names what the event is about, such as "task/<task_id>" or "version":
	// a broker that outlives its callers keeps the events of one topic in turn. ""
	// is no topic.
	Topic string
	// Order is the event's number in its topic, from 1, so that such a broker takes
	// it once however often it is published. It may leave numbers out. 0 is none.
	Order uint64
	// Audience is whom the event is for; nil is everyone (rule A12). An event that is for
	// some has its place in the one log all the same.
	Audience *access.Audience
}

// Control reports whether e is a control event, which is not counted (rule M1).
func (e Event) Control() bool { return e.Service == "" }

// IsZero reports whether e is no event at all: it has neither name nor payload.
func (e Event) IsZero() bool { return e.Name == "" && len(e.Data) == 0 }

// ErrInvalid says that an event cannot be written to a stream: its name holds a
// line break or NUL, or its payload is not JSON in UTF-8, which event streams are in. The caller's mistake; retrying
// is pointless.
var ErrInvalid = errors.New("invalid event")

// Validate checks what the wire relies on. Errors: ErrInvalid.
func (e Event) Validate() error {
	if e.Name == "" || strings.ContainsAny(e.Name, "\r\n\x00") {
		return fmt.Errorf("%w: name %q", ErrInvalid, e.Name)
	}
	if !utf8.ValidString(e.Name) || !utf8.Valid(e.Data) || !json.Valid(e.Data) { // the JSON package takes any bytes in strings
		return fmt.Errorf("%w: %q or its payload is not JSON in UTF-8", ErrInvalid, e.Name)
	}
	return nil
}

// Record is a log event with its place in the log.
type Record struct {
	ID    ID
	Event Event
}
