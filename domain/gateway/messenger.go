package gateway

import (
	"context"

	"heliograph/domain/connection"
	"heliograph/domain/event"
)

//go:generate go tool mockgen -typed -source=messenger.go -destination=../../test/mocks/messenger.go -package=mocks

// Messenger is the driving port that sends private events by request_id. It is safe for
// concurrent use.
type Messenger interface {
	// SendTo hands ev to the stream of a request_id, whichever node has it, and reports
	// whether there was one that took it (rule E4). It takes two seconds at most, and what
	// the registry takes. Errors: event.ErrInvalid, ErrClosed, connection.ErrUnavailable,
	// ctx.Err(); with one, nothing was delivered.
	SendTo(ctx context.Context, id connection.RequestID, ev event.Event) (delivered bool, err error)
}
