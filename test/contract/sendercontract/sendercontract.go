// Package sendercontract is the contract of gateway.Sender as a test suite.
//
// An adapter's test calls Run with a function that makes a fresh Subject: the
// sender, and a gateway (real or stand-in) on which the suite opens streams and
// reads what their clients get.
package sendercontract

import (
	"testing"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// MaxFrames is more than the suite sends to any one stream: the capacity that
// Stream.Frames needs, so that no gateway waits for the suite.
const MaxFrames = 1024

// Frame is one event as a stream's client got it. Comments and retry lines are
// none.
type Frame struct {
	ID   string // "" when the event carried none
	Name string
	Data string
}

// Stream is the client's side of one open stream.
type Stream struct {
	Token connection.Token
	// Frames has what the client got, in order. It is closed once the stream has
	// ended, and buffers MaxFrames.
	Frames <-chan Frame
	// Stall stops the client from taking anything until release is called, once,
	// from any goroutine. Frames from before it was called may still arrive.
	Stall func() (release func())
}

// Subject is a sender under test with the gateway that it feeds. What it
// started ends with the sub-test that asked for it (t.Cleanup).
type Subject struct {
	Sender gateway.Sender
	// Streams is what the sender says of its streams.
	Streams diagnosis.Streams
	// Open opens a stream and returns when the sender can reach it: whatever is
	// handed over from then on is for it too.
	Open func(t *testing.T, id connection.RequestID) Stream
	// OpenAs is Open for a stream of a principal. AnonymousOnly needs none.
	OpenAs func(t *testing.T, id connection.RequestID, p *access.Principal) Stream
	// Shut makes the sender take nothing any more.
	Shut func()
	// Start is the place in the log before the first event that the suite hands
	// over. The zero ID leaves the choice to the suite.
	Start event.ID
	// Gone has the tokens that the sender reported as gone to its listener. It buffers
	// some. Only LateUnknownToken needs it.
	Gone <-chan connection.Token
}

// Option names a clause of the contract that an adapter cannot keep, and why.
type Option func(*suite)

// LateUnknownToken is for a sender that learns only from the gateway's answer
// that a token is unknown: in place of ErrUnknownToken its listener is called.
func LateUnknownToken(why string) Option { return func(s *suite) { s.lateUnknownToken = why } }

// NoEventIDs is for a gateway that cannot pass on event IDs (rule G6): frames
// carry none.
func NoEventIDs(why string) Option { return func(s *suite) { s.noEventIDs = why } }

type suite struct {
	fresh                                       func(t *testing.T) Subject
	lateUnknownToken, noEventIDs, anonymousOnly string // why not; "" when the clause is kept
}

// Run proves that the senders which fresh makes keep the contract. Each
// sub-test gets its own.
func Run(t *testing.T, fresh func(t *testing.T) Subject, opts ...Option) {
	s := &suite{fresh: fresh}
	for _, opt := range opts {
		opt(s)
	}
	t.Run("a broadcast reaches every stream once", s.broadcastReachesAll)
	t.Run("a private event reaches its stream only", s.privateReachesOne)
	t.Run("what is handed over for a stream arrives in the order of the calls", s.orderOfCalls)
	t.Run("what several callers hand over at once arrives once and in the order of each", s.concurrentCallers)
	t.Run("a stream gets nothing from before it was opened", s.nothingFromBefore)
	t.Run("a control event passes, to all and to one", s.controlEvents)
	t.Run("a log event carries its ID and a private one that of the last log event", s.eventIDs)
	t.Run("a stuck stream delays neither the calls nor the other streams", s.stuckStream)
	t.Run("only an event that a newer one with its key follows may be left out", s.conflation)
	t.Run("the parts of a state arrive in order, and with the IDs of their places", s.parts)
	t.Run("parts are asked for at the stream's pace, and what else there is leaves between them", s.pacedParts)
	t.Run("T22 that there is no part after one is asked when that was taken", s.partsThatEnd)
	t.Run("Close ends a stream that still has parts to come", s.closingBetweenParts)
	t.Run("Close sends its event after all before it, and ends that stream only", s.closing)
	t.Run("Close without an event ends the stream after all before it", s.closingWithoutEvent)
	t.Run("a token that no stream has is unknown", s.unknownToken)
	t.Run("the token of a closed stream is unknown", s.closedToken)
	t.Run("Resume of an unknown token returns and loses no stream's event", s.resumeUnknown)
	t.Run("an invalid event is refused and reaches no stream", s.invalidEvents)
	t.Run("every call returns ErrClosed once the sender is shut", s.shut)
	t.Run("audiences", s.audiences)
	t.Run("W6 of a stream that takes everything nothing waits", s.liveStream)
}
