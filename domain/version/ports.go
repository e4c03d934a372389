package version

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/version.go -package=mocks -mock_names=Source=MockVersionSource,Pending=MockVersionPending,Board=MockVersionBoard,Service=MockVersionService,Overview=MockVersionOverview

// What sources and the service may say.
var (
	// ErrUnavailable: the source gave no version. Send what was known before.
	ErrUnavailable = errors.New("version source is unavailable")
	// ErrNoSource: no source is configured. It is an ErrUnavailable that will not
	// go away, and nothing to warn about.
	ErrNoSource = fmt.Errorf("%w: none is configured, and no version was announced yet", ErrUnavailable)
	// ErrShuttingDown: nothing is announced any more (rule V7).
	ErrShuttingDown = errors.New("the service is shutting down")
	// ErrTooLarge: the version's payload is over the limit of an event (rule E8).
	ErrTooLarge = errors.New("version is too large")
)

// SourceError says why a source gave no version. It is an ErrUnavailable.
type SourceError struct {
	// Reason is fit for clients: it names no address, no path and no secret.
	Reason string
	// Cause is for the log; nil if Reason says everything.
	Cause error
}

// Error returns all that is known, the cause included.
func (e *SourceError) Error() string {
	text := ErrUnavailable.Error() + ": " + e.Reason
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns ErrUnavailable, and not the cause: to a caller an ErrInvalid of
// the source would look like a mistake of its own.
func (*SourceError) Unwrap() error { return ErrUnavailable }

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
	// seconds of asking the source, or when ctx ends. Errors: ErrNoSource, a
	// *SourceError, ctx.Err().
	Current(ctx context.Context, maxAge time.Duration) (Answer, error)
}

// Pending is the driven port to the versions that wait for single clients: one
// per request_id, bounded in number and size, the least recently used going first
// (rule V3). It is
// safe for concurrent use. Errors: event.ErrUnavailable, ctx.Err().
type Pending interface {
	// Put makes v the pending version of id.
	Put(ctx context.Context, id connection.RequestID, v Version) error
	// Get returns the pending version of id, or the zero Version. It stays pending.
	Get(ctx context.Context, id connection.RequestID) (Version, error)
	// List returns pending versions, most of them at most, in no order, and whether there
	// are more. What was put a moment ago, on another node or here, may not be there yet. It
	// uses none: which go first stays as it is.
	List(ctx context.Context, most int) (waiting []Waiting, more bool, err error)
}

// Waiting is a version that is pending for one client.
type Waiting struct {
	RequestID connection.RequestID
	Version   Version
}

// Standing is what a node knows of versions, for operators (rule W7).
type Standing struct {
	// Current is what new streams are sent; zero while no version is known. Announced says
	// that it was announced, and does not come from the source.
	Current   Version
	Announced bool
	// Watches says whether this node asks the source for all nodes. Only such a node knows
	// Asked, when the source answered last, and the candidate.
	Watches bool
	Asked   time.Time
	// Failure is why the source gave no version when it was last asked, fit for clients; ""
	// if it did.
	Failure string
	// Candidate is what the source says and what does not count yet; zero if there is none.
	// Confirmations of the Needed answers in a row have named it.
	Candidate             Version
	Confirmations, Needed int
	// Pending are versions for single clients, and MorePending says that there are more.
	Pending     []Waiting
	MorePending bool
}

// Overview is the driving port for operators. It is safe for concurrent use.
type Overview interface {
	// Standing returns what this node knows, with at most so many pending versions. Errors:
	// event.ErrUnavailable, ctx.Err().
	Standing(ctx context.Context, pending int) (Standing, error)
}

// Logged is a version that was broadcast, and its place in the log. The zero
// value is none.
type Logged struct {
	Version Version
	At      event.ID
}

// Before reports whether l is the older one of two. Places of different epochs
// cannot be compared: then it is not.
func (l Logged) Before(other Logged) bool {
	return l.At.Epoch == other.At.Epoch && l.At.Seq < other.At.Seq
}

// Slot names one of the versions that a Board holds.
type Slot string

// The slots.
const (
	// SlotCurrent is the current version, whatever its origin (rule V6).
	SlotCurrent Slot = "current"
	// SlotSource is the one that the source named last: while its answer stays the
	// same it does not undo an announcement.
	SlotSource Slot = "source"
)

// Board is the driven port to the versions that count for all clients. The nodes
// share it, and it holds them for as long as the broker holds anything: for longer
// than the log does, whose retention is bounded. It is safe for concurrent use.
type Board interface {
	// Put makes v the version of the slot, unless that holds one of a later place
	// in the same epoch: so writers may overtake each other. Errors:
	// event.ErrUnavailable, ctx.Err().
	Put(ctx context.Context, slot Slot, v Logged) error
	// Get returns the version of the slot, or the zero value. Errors: ErrInvalid if
	// what is stored cannot be read, event.ErrUnavailable, ctx.Err().
	Get(ctx context.Context, slot Slot) (Logged, error)
}

// Service is the driving port for announcing and asking. It is safe for
// concurrent use.
type Service interface {
	// Announce broadcasts v at once. With an id it is also the pending version of
	// that request_id (rule V2); without one ("") it is the current version from
	// then on (rule V6). Nil means accepted for broadcast, even if no client is connected.
	// Errors: ErrShuttingDown, ErrTooLarge, those of event.Publisher.
	Announce(ctx context.Context, id connection.RequestID, v Version) error
	// Current returns the current version, or what the source says if that is
	// another one which does not count yet. Errors, while neither is known: an
	// ErrUnavailable whose text is fit for clients, ctx.Err().
	Current(ctx context.Context) (Version, error)
}
