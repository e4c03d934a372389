// Package stream is the vocabulary of a stream, apart from what its events are about:
// the control events, and why a client has to begin anew.
package stream

import (
	"encoding/json"

	"heliograph/domain/event"
)

// Names of the control events, which speak of the stream itself (behaviour, "Words").
const (
	NameReady    = "ready"        // the stream is open (envelope format only)
	NameRejected = "rejected"     // the stream is refused (envelope format only)
	NameReplaced = "replaced"     // another connection has taken the stream's request_id
	NameReset    = "stream_reset" // what the client asked to resume from is gone
	NamePing     = "ping"         // the whole path is alive
)

// IsControl reports whether name is that of a control event.
func IsControl(name string) bool {
	switch name {
	case NameReady, NameRejected, NameReplaced, NameReset, NamePing:
		return true
	}
	return false
}

// ResetReason says why a client cannot resume where it was (rule G3).
type ResetReason string

// The reasons; "" is none.
const (
	ResetExpired ResetReason = "expired" // the log no longer reaches back that far
	ResetEpoch   ResetReason = "epoch"   // the ID is from another life of the log
	ResetInvalid ResetReason = "invalid" // the ID makes no sense
)

// Reset is the event that tells a client to fetch the state again.
func Reset(why ResetReason) event.Event {
	return event.Event{Name: NameReset, Data: json.RawMessage(`{"reason":"` + why + `"}`)}
}

// Replaced is the event that tells a client not to come back (rule C3).
func Replaced() event.Event { return event.Event{Name: NameReplaced, Data: json.RawMessage(`{}`)} }
