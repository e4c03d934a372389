package version

import (
	"context"
	"errors"
	"time"

	"heliograph/domain/connection"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/version.go -package=mocks -mock_names=Source=MockVersionSource,Pending=MockVersionPending,Board=MockVersionBoard,Service=MockVersionService

// What sources and the service may say.
var (
	// ErrUnavailable: the source gave no version. Send what was known before.
	ErrUnavailable = errors.New("version source is unavailable")
	// ErrShuttingDown: nothing is announced any more (rule V7).
	ErrShuttingDown = errors.New("the service is shutting down")
	// ErrTooLarge: the version's payload is over the limit of an event (rule E8).
	ErrTooLarge = errors.New("version is too large")
)

// Answer is what a source said, and when.
type Answer struct {
	Version Version
	// At is when the source itself was asked. An answer with a later At is a
	// fresh one (rule V8); the same At means the same answer, served again.
	At time.Time
}

// Source is the driven port to whatever knows the current frontend version. It
// is safe for concurrent use.
type Source interface {
	// Current returns the source's answer, which may have been got up to maxAge
	// ago; 0 asks for one that was got after the call began. It returns within two
	// seconds of asking the source, or when ctx ends. Errors: ErrUnavailable with
	// the cause, ctx.Err().
	Current(ctx context.Context, maxAge time.Duration) (Answer, error)
}

// Pending is the driven port to the versions that wait for single clients: one
// per request_id, bounded, the least recently used going first (rule V3). It is
// safe for concurrent use. Errors: event.ErrUnavailable, ctx.Err().
type Pending interface {
	// Put makes v the pending version of id.
	Put(ctx context.Context, id connection.RequestID, v Version) error
	// Get returns the pending version of id, or the zero Version. It stays pending.
	Get(ctx context.Context, id connection.RequestID) (Version, error)
}

// Board is the driven port to the version that the source's watcher has told
// everybody of, for all nodes and for later. It is safe for concurrent use.
type Board interface {
	// Put makes v the version.
	Put(ctx context.Context, v Version) error
	// Get returns it, or the zero Version.
	Get(ctx context.Context) (Version, error)
}

// Service is the driving port for announcing and asking. It is safe for
// concurrent use.
type Service interface {
	// Announce broadcasts v at once, and keeps it as the pending version of id
	// unless that is "" (rule V2). Nil means accepted for broadcast, whoever is
	// connected. Errors: ErrShuttingDown, ErrTooLarge, those of event.Publisher.
	Announce(ctx context.Context, id connection.RequestID, v Version) error
	// Current returns what the source says, or said last. Errors: ErrUnavailable
	// if it never said anything.
	Current(ctx context.Context) (Version, error)
}
