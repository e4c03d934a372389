package gateway

import (
	"context"
	"encoding/json"
	"errors"

	"heliograph/domain/connection"
)

//go:generate go tool mockgen -typed -source=backend.go -destination=../../test/mocks/backend.go -package=mocks -mock_names=Backend=MockGatewayBackend,Relay=MockGatewayRelay

// What a backend may say of a stream.
var (
	// ErrNotConfigured: there is no backend to ask.
	ErrNotConfigured = errors.New("no callback URL is configured")
	// ErrBackendUnreachable: the backend could not be reached.
	ErrBackendUnreachable = errors.New("backend is unreachable")
	// ErrBackendTimeout: the backend did not answer in time.
	ErrBackendTimeout = errors.New("backend did not answer in time")
	// ErrComeBack: the backend accepts the stream, but not now; its client must ask
	// again.
	ErrComeBack = errors.New("backend asks for the client to come back")
	// ErrBackendBusy: so many streams waited for the backend that it was not asked.
	ErrBackendBusy = errors.New("too many streams wait for the backend's answers")
)

// RejectedError is the error of a backend that does not accept a stream.
type RejectedError struct {
	// Status is the HTTP status of its answer, not 2xx.
	Status int
}

// Error implements error.
func (*RejectedError) Error() string { return "backend rejected the stream" }

// Request is what a client asked for when it opened a stream. It is kept for as
// long as the stream is open, and so in the form in which it is sent.
type Request struct {
	// Target is the raw request target: path and query.
	Target string
	// Headers is a JSON object: names in lower case, values are strings. The values
	// of a header that came several times are joined.
	Headers json.RawMessage
}

// Acceptance is what a backend says of a stream that it accepts.
type Acceptance struct {
	// OwnOnly: the stream gets nothing that is broadcast to all.
	OwnOnly bool
}

// Backend is the driven port of the gateway role: the service that decides on
// streams and pushes to them (gateway-protocol, "Gateway → backend"). It is safe
// for concurrent use, its calls end after the protocol's time limit, and nothing
// is tried again.
type Backend interface {
	// Connect asks whether the stream may be opened; no error accepts it. The backend may
	// push to token before it has answered. Errors: *RejectedError, ErrNotConfigured,
	// ErrComeBack, ErrBackendTimeout, ErrBackendUnreachable, ctx.Err().
	Connect(ctx context.Context, token connection.Token, r Request) (Acceptance, error)
	// Disconnect says, once, that a stream which was opened has ended. Errors: as
	// Connect; there is nothing to be done about them but to log.
	Disconnect(ctx context.Context, token connection.Token, r Request, reason connection.Reason) error
}

// Relay is the driving port of the gateway role: between the streams and the
// backend. It is safe for concurrent use.
type Relay interface {
	// Open asks the backend whether a stream may be opened, once it is the stream's
	// turn. Without an error the stream is open, and the caller must call End once. Errors:
	// those of Backend.Connect; ErrBackendBusy when its turn did not come in time;
	// ctx.Err() when the client went away meanwhile, whatever the backend said.
	Open(ctx context.Context, token connection.Token, r Request) (Acceptance, error)
	// End says that an open stream has ended, and has it reported to the backend, once. It
	// does not wait for that. An unknown token changes nothing.
	End(token connection.Token, reason connection.Reason)
	// Page returns the open streams whose tokens follow after, in the order of their
	// tokens and at most limit (more than 0) of them, and whether there are more.
	Page(after connection.Token, limit int) (page []Opened, more bool)
}

// Opened is an open stream.
type Opened struct {
	Token connection.Token
	// Target is the raw request target.
	Target string
}
