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

// Page is a part of the connections, in the order of their request_ids.
type Page struct {
	Connections []Connection
	Total       int      // that match the query, on all pages
	Next        string   // "" for the last page
	Missing     []string // the nodes that did not answer, sorted
}
