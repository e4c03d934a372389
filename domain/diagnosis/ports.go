package diagnosis

import (
	"context"
	"errors"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/diagnosis.go -package=mocks -mock_names=Streams=MockDiagnosisStreams,Service=MockDiagnosisService

// What the service may say.
var (
	// ErrInvalidCursor says that a cursor is none of ours.
	ErrInvalidCursor = errors.New("invalid cursor")
	// ErrUnknown says that no stream of the request_id is open, none was lately, and none was
	// refused.
	ErrUnknown = errors.New("no stream has the request_id, and none had it lately")
)

// Streams is the driven port to what the gateway of this node knows of its streams.
// Gateways' adapters implement it from memory. It is safe for concurrent use.
type Streams interface {
	// Gateway is what holds the streams.
	Gateway() Gateway
	// Stream returns what is known of the stream of a connection of this node; ok is false if it is not open.
	Stream(c connection.Connection) (s Stream, ok bool)
	// Fates returns what became of the last events for a stream, the oldest first and at most a hundred. It may be one that
	// has ended lately. since is when it was opened.
	Fates(token connection.Token, since time.Time) []Fate
	// Reach says whether an event of the log is for the stream of c.
	Reach(ctx context.Context, c connection.Connection, id event.ID) Reach
}

// Service is the driving port for operators who look at connections. Its answers cover all
// nodes (cluster.Questions). It is safe for concurrent use.
type Service interface {
	// List returns a page of the open connections. Errors: ErrInvalidCursor, ctx.Err().
	List(ctx context.Context, q Query) (Page, error)
	// Explain returns what is known of a request_id, and of the event of the log that it may not have got
	// if asked is not zero. Errors: ErrUnknown, ctx.Err().
	Explain(ctx context.Context, id connection.RequestID, asked event.ID) (Detail, error)
	// Report keeps what the client of an open stream says of itself, instead of what it said before. With
	// a principal in ctx only its own stream is found. Errors: connection.ErrNotFound,
	// connection.ErrUnavailable, *access.LimitError for more than one in a few seconds.
	Report(ctx context.Context, id connection.RequestID, r Report) error
}
