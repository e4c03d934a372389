// Package stream is the vocabulary of a stream, apart from what its events are about:
// the control events, and why a client has to begin anew.
package stream

import (
	"encoding/json"
	"time"

	"heliograph/domain/event"
)

// Names of the control events, which speak of the stream itself (behaviour, "Words").
const (
	NameReady    = "ready"         // the stream is open (envelope format only)
	NameRejected = "rejected"      // the stream is refused (envelope format only)
	NameReplaced = "replaced"      // another connection has taken the stream's request_id
	NameReset    = "stream_reset"  // what the client asked to resume from is gone
	NamePing     = "ping"          // the whole path is alive
	NameExpiring = "auth_expiring" // the stream's credential ends soon (rule A17)
	NameExpired  = "auth_expired"  // it has ended, or was revoked (rules A17, A18)
)

// IsControl reports whether name is that of a control event.
func IsControl(name string) bool {
	switch name {
	case NameReady, NameRejected, NameReplaced, NameReset, NamePing, NameExpiring, NameExpired:
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

// AuthExpiring is the event that tells a client when its stream's credential ends: it
// can renew it until then (rule A17).
func AuthExpiring(at time.Time) event.Event {
	return event.Event{Name: NameExpiring, Data: json.RawMessage(`{"expires_at":"` + at.UTC().Format(time.RFC3339) + `"}`)}
}

// AuthExpired is the last event of a stream whose credential has ended or was revoked:
// its client must come back with another one (rules A17, A18).
func AuthExpired() event.Event { return event.Event{Name: NameExpired, Data: json.RawMessage(`{}`)} }
