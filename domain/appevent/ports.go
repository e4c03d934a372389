package appevent

import "context"

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/appevent.go -package=mocks -mock_names=Service=MockAppEventService,Receipts=MockReceipts

// Service is the driving port for publishing. It is safe for concurrent use.
type Service interface {
	// Publish sends an event: to everyone, to an audience, or to the stream of one
	// request_id, whichever node has that. With a Key that the Owner has used within
	// KeyTime nothing is sent, and the first Receipt is returned, on any node. Errors:
	// ErrInvalidName, ErrUnderWay, ErrShuttingDown, event.ErrInvalid, event.ErrTooLarge, other errors of
	// event.Publisher and connection.Registry, ctx.Err().
	Publish(ctx context.Context, r Request) (Receipt, error)
}

// Key is an Idempotency-Key and the subject whose key it is.
type Key struct{ Owner, Text string }

// Claim is what Receipts knows of a key.
type Claim struct {
	// ID is the same for all who publish under the key, and another one for each life of
	// a key.
	ID string
	// Receipt is what was answered; nil if nothing was yet.
	Receipt *Receipt
	// Repeated says that another caller has claimed the key before, and has not settled or
	// dropped it since: it has crashed, or has given up without knowing what became of the event.
	Repeated bool
}

// Receipts is the driven port that remembers what was answered to Idempotency-Keys, for
// all nodes. It is bounded; the oldest go first. It is safe for concurrent use. Each
// method may return event.ErrUnavailable and ctx.Err() beside the errors named here.
type Receipts interface {
	// Claim returns what is known of the key, and makes the caller the one that publishes
	// if that is nothing: it calls Settle or Drop next. While another caller is at it,
	// Claim waits for that one, three seconds at most.
	Claim(ctx context.Context, k Key) (Claim, error)
	// Settle records what was published under the claim. It is known for KeyTime.
	Settle(ctx context.Context, k Key, c Claim, r Receipt) error
	// Drop gives the claim up: nothing was published, and the next caller may.
	Drop(ctx context.Context, k Key, c Claim) error
}
