// Package diagnosis holds what is known of single streams beside what they carry: where
// they are in the log, what became of the events for them, and what is wrong with them
// (rule W6).
package diagnosis

import (
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// Gateway is what holds the streams.
type Gateway string

// The gateways.
const (
	Embedded Gateway = "embedded" // this process
	External Gateway = "external" // another one, which this process pushes to
)

// State is how a stream does.
type State string

// The states.
const (
	Live        State = "live"        // it has all that was published for it, or will in a moment
	Behind      State = "behind"      // something waits for it
	Recovering  State = "recovering"  // it lost events, and is brought up to date before all else
	Unreachable State = "unreachable" // its gateway cannot be reached
	Ending      State = "ending"      // its last event waits to be written
)

// Stream is what a node knows of a stream that it feeds.
type Stream struct {
	State State
	// Resumed says that its client brought the ID of the last event that it had, and Reset why it could
	// not go on there all the same; "" if it could.
	Resumed bool
	Reset   stream.ResetReason
	// Lag is how many events are published for it and not handed to its client, or to its
	// gateway, and Waiting how many bytes these and all else are that waits for it.
	Lag, Waiting int
}

// Kind is what became of events.
type Kind string

// The kinds.
const (
	Written   Kind = "written"   // handed to the client's connection, or taken by the external gateway
	Replayed  Kind = "replayed"  // the same, because the client had missed them
	Reset     Kind = "reset"     // the client was told to fetch the state anew
	Dropped   Kind = "dropped"   // given up
	Conflated Kind = "conflated" // left out, because newer progress of the same task came first
	Failed    Kind = "failed"    // the gateway did not take it
	Recovered Kind = "recovered" // after a loss: the state was sent anew
	Opened    Kind = "opened"    // the stream was opened
	Replaced  Kind = "replaced"  // another connection took its request_id
	Ended     Kind = "ended"     // the stream has ended
	Refused   Kind = "refused"   // the stream was not opened
)

// Fate is what became of one event, or of several one after the other that had the same.
type Fate struct {
	// At is when it was so for the last of them.
	At   time.Time
	Kind Kind
	// First and Last are the IDs of log events, the same for one; zero for others.
	First, Last event.ID
	// Type is the name of the event; "" for none and for several of the log.
	Type string
	// Count is how many there are, 0 for what is no event.
	Count int
	// Why is in plain words; "" if there is nothing to say.
	Why string
}

// Query selects connections.
type Query struct {
	Subject string // "" is all
	Prefix  string // of the request_id
	Node    string // "" is all nodes
	Behind  bool   // only those for which something waits
	Limit   int    // more than 0
	// After is the Next of the page before; "" begins.
	After string
}

// Connection is one that is open, or was lately.
type Connection struct {
	RequestID connection.RequestID
	Subject   string
	Node      string
	Gateway   Gateway
	// Since is when it was opened; zero: before its node was started.
	Since  time.Time
	Stream Stream
	// Ended is nil for one that is open.
	Ended *End
}

// End is how a connection ended.
type End struct {
	At     time.Time
	Reason connection.Reason
}

// Report is what a client library says of itself. Unknown is zero, and at most 4 KiB of JSON
// are taken.
type Report struct {
	State     string `json:"state,omitempty"`
	Transport string `json:"transport,omitempty"` // fetch or eventsource
	Sharing   string `json:"sharing,omitempty"`   // worker, leader or tab: what holds the stream
	Protocol  string `json:"protocol,omitempty"`  // http/1.1, h2 or h3, as the browser says
	Encoding  string `json:"encoding,omitempty"`  // Content-Encoding of the stream
	LastError string `json:"last_error,omitempty"`
	LastID    string `json:"last_id,omitempty"`
	// FirstByte is how long the first byte took, HeldBack for how long bytes came that had been
	// sent one after the other and arrived at once, Silent how long it has been since the last byte, and Frozen how
	// long the page did not run, in milliseconds.
	FirstByte int64 `json:"first_byte_ms,omitempty"`
	HeldBack  int64 `json:"held_back_ms,omitempty"`
	Silent    int64 `json:"silent_ms,omitempty"`
	Frozen    int64 `json:"frozen_ms,omitempty"`
	// Now is the client's clock, in milliseconds since 1970, and Skew how far it was ahead when the report came.
	Now        int64 `json:"now,omitempty"`
	Skew       int64 `json:"clock_skew_ms,omitempty"`
	Tabs       int   `json:"tabs,omitempty"`
	Reconnects int   `json:"reconnects,omitempty"`
	// At is when it came.
	At time.Time `json:"at,omitzero"`
}

// Finding is something that is wrong with a stream, or explains what its client saw.
type Finding struct {
	Code   string `json:"code"`
	Says   string `json:"says"`   // what happened, in plain words
	Advice string `json:"advice"` // what to do
}

// Refusal is a stream that was not opened.
type Refusal struct {
	At   time.Time
	Code string // of the error
}

// Reach says what the log knows of an event and a stream.
type Reach string

// What it may be.
const (
	ReachUnknown Reach = ""            // no such event is known
	ReachOwn     Reach = "own"         // it is for the stream
	ReachOther   Reach = "other"       // it is for an audience without it
	ReachGone    Reach = "gone"        // the log no longer has it
	ReachFuture  Reach = "future"      // the log has not reached it
	ReachEpoch   Reach = "other epoch" // it is of another life of the log
)

// Detail is all that is known of a connection.
type Detail struct {
	Connection

	Fates    []Fate // oldest first, at most a hundred
	Report   *Report
	Findings []Finding
	Missing  []string // nodes that did not answer, sorted
}

// Page is a part of the connections, in the order of their request_ids.
type Page struct {
	Connections []Connection
	Total       int      // that match the query, on all pages
	Next        string   // "" for the last page
	Missing     []string // the nodes that did not answer, sorted
}

// Why events were dropped, where that decides what is advised.
const (
	WhySlowLog = "the client read so slowly that the log went past it"
	WhyFull    = "more private events waited for the client than may"
	WhyStalled = "the client, or a proxy before it, took nothing for too long"
	WhyTooBig  = "the gateway takes no event of that size"

	WhyRefused     = "the gateway answered with an error"
	WhyUnreachable = "the gateway could not be reached"
	WhyAway        = "the gateway was away for too long, and no more events could wait for it"
	WhyNewer       = "newer progress of the same task came before it could be sent"
)
