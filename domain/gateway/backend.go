package gateway

import (
	"context"
	"errors"

	"heliograph/domain/connection"
)

//go:generate go tool mockgen -typed -source=backend.go -destination=../../test/mocks/backend.go -package=mocks -mock_names=Backend=MockGatewayBackend

// What a backend may say of a stream. Any other error of Connect is
// ErrBackendUnreachable's kind.
var (
	// ErrNotConfigured: there is no backend to ask.
	ErrNotConfigured = errors.New("no callback URL is configured")
	// ErrBackendUnreachable: the backend could not be reached.
	ErrBackendUnreachable = errors.New("backend is unreachable")
	// ErrBackendTimeout: the backend did not answer in time.
	ErrBackendTimeout = errors.New("backend did not answer in time")
)

// Rejected is the error of a backend that does not accept a stream.
type Rejected struct {
	// Status is the HTTP status of its answer, not 2xx.
	Status int
}

// Error implements error.
func (r *Rejected) Error() string { return "backend rejected the stream" }

// Request is what a client asked for when it opened a stream.
type Request struct {
	// Target is the raw request target: path and query.
	Target string
	// Headers are those of the request, with names in lower case.
	Headers map[string][]string
}

// Backend is the driven port of the gateway role: the service that decides on
// streams and pushes to them (gateway-protocol, "Gateway → backend"). It is safe
// for concurrent use, and nothing is tried again.
type Backend interface {
	// Connect asks whether the stream may be opened; nil accepts it. The backend may
	// push to token before it has answered. Errors: *Rejected, ErrNotConfigured,
	// ErrBackendTimeout, ErrBackendUnreachable, ctx.Err().
	Connect(ctx context.Context, token connection.Token, r Request) error
	// Disconnect says, once, that a stream which was opened has ended. Errors: as
	// Connect; there is nothing to be done about them but to log.
	Disconnect(ctx context.Context, token connection.Token, r Request, reason connection.Reason) error
}
