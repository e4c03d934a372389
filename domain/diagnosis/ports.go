package diagnosis

import (
	"context"
	"errors"

	"heliograph/domain/connection"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/diagnosis.go -package=mocks -mock_names=Streams=MockDiagnosisStreams,Service=MockDiagnosisService

// ErrInvalidCursor says that a cursor is none of ours.
var ErrInvalidCursor = errors.New("invalid cursor")

// Streams is the driven port to what the gateway of this node knows of its streams.
// Gateways' adapters implement it from memory. It is safe for concurrent use.
type Streams interface {
	// Gateway is what holds the streams.
	Gateway() Gateway
	// Stream returns what is known of the stream of a connection of this node; ok is false if it is not open.
	Stream(c connection.Connection) (s Stream, ok bool)
}

// Service is the driving port for operators who look at connections. Its answers cover all
// nodes (cluster.Questions). It is safe for concurrent use.
type Service interface {
	// List returns a page of the open connections. Errors: ErrInvalidCursor, ctx.Err().
	List(ctx context.Context, q Query) (Page, error)
}
