package event

import (
	"context"
	"errors"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/event.go -package=mocks

// What a broker may say.
var (
	// ErrClosed: the broker is shut down and takes nothing any more.
	ErrClosed = errors.New("event broker is closed")
	// ErrUnavailable: the broker cannot be reached now. The event may or may not
	// have been taken; a later one may succeed.
	ErrUnavailable = errors.New("event broker is unavailable")
	// ErrTooLarge: the payload is over the limit (rule E8). The caller must cut it.
	ErrTooLarge = errors.New("event is too large")
	// ErrStale: the log has a newer event of the same topic. This one comes too
	// late, and is of no use any more.
	ErrStale = errors.New("a newer event of the topic is in the log")
	// ErrExpired: what followed the place is no longer retained, at least in part
	// (rule G3).
	ErrExpired = errors.New("events after the id are no longer retained")
	// ErrEpoch: the place is one of another life of the log (rule G3).
	ErrEpoch = errors.New("event id is of another epoch")
)

// Publisher is the driven port to the broker: it puts events into the one log
// that every node reads.
//
// Implementations are safe for concurrent use. All events have one total
// order, that of their IDs; those published from one goroutine are in the
// order of the calls. What was accepted is handed to every node's Receiver,
// in that order, once. Publish never waits for a stream.
//
// A broker that outlives its callers keeps each topic in turn, as well as it
// remembers: an event that was published before is not added again, and keeps
// its ID; one whose Order is lower than the newest of its topic is refused; and
// one that failed is not in the log after a later one of its topic.
type Publisher interface {
	// Publish returns the event's ID once the broker has it for good, or an error
	// if it may not have it. It takes 15 seconds at most: a cluster that has lost a
	// server may need ten to go on. The caller leaves ev.Data alone from then on. Errors: ErrInvalid, ErrTooLarge, ErrStale,
	// ErrClosed, ErrUnavailable, ctx.Err().
	Publish(ctx context.Context, ev Event) (ID, error)
}

// Receiver is the driving port that brokers feed on every node.
//
// It is called with every log event in order, one call at a time, and must not
// block: what it hands on to is bounded and never waits for a stream.
type Receiver interface {
	Receive(ctx context.Context, rec Record)
}

// History is the driven port to the log events that the broker still holds. It
// is safe for concurrent use.
type History interface {
	// Newest returns the place of the newest event that was accepted: of the start,
	// before the first one. Errors: ErrUnavailable, ctx.Err().
	Newest(ctx context.Context) (ID, error)
	// After returns the events that follow id, oldest first and without a gap, at
	// most limit of them (more than 0); none if id is the newest. Errors: ErrExpired,
	// ErrEpoch, ErrInvalidID for a place that the log has not reached yet,
	// ErrUnavailable, ctx.Err().
	After(ctx context.Context, id ID, limit int) ([]Record, error)
}
