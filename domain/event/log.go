package event

import (
	"context"
	"encoding/json"
	"time"

	"heliograph/domain/access"
)

//go:generate go tool mockgen -typed -source=log.go -destination=../../test/mocks/log.go -package=mocks -mock_names=Log=MockEventLog,LogReader=MockEventLogReader

// LogEntry is a log event as operators see it.
type LogEntry struct {
	ID   ID
	Name string
	// Data is the payload; nil if it is too large to be shown (LogPage).
	Data json.RawMessage
	// Bytes is how many the payload has.
	Bytes int
	// At is when the log took the event; zero if that is not known.
	At time.Time
	// Audience is whom the event is for; nil is everyone.
	Audience *access.Audience
}

// LogExtent says how far back the log reaches, and what bounds it.
type LogExtent struct {
	// First is the oldest event that the log holds, zero if it holds none. Last is the
	// newest event that it ever took: before the first one, the place of the start.
	First, Last ID
	// Since is when the log took First; zero if that is not known.
	Since time.Time
	// Events is how many the log holds, Bytes how many they take there.
	Events int
	Bytes  int64
	// MaxBytes and MaxAge bound the log; 0 is no bound.
	MaxBytes int64
	MaxAge   time.Duration
}

// Log is the driven port to the log of this node's streams, for operators. It is safe for
// concurrent use. Errors: ErrUnavailable, ctx.Err().
type Log interface {
	// Extent says how far the log reaches now.
	Extent(ctx context.Context) (LogExtent, error)
	// Read returns the events that follow a place, oldest first: at most limit, and no more
	// than bytes of payload in all, but one at least if there is one. More may follow however
	// few come. Both bounds are more than 0. The zero ID is the place before the oldest event
	// that is there. gap says that what followed the place is not there any more, at least in
	// part, or that it was in another life of the log: then the oldest events come. Errors: also
	// ErrInvalidID for a place that the log has not reached.
	Read(ctx context.Context, after ID, limit, bytes int) (entries []LogEntry, gap bool, err error)
}

// LogQuery says what to read of the log.
type LogQuery struct {
	// After is the place that the events follow; zero is before the oldest one.
	After ID
	// Newest, if it is not 0, begins with so many of the newest events instead, before
	// those of other names are left out.
	Newest int
	// Name leaves out events of other names; "" none.
	Name string
	// Task leaves out events whose payload has no field task_id with this; "" none.
	Task string
	// Limit is the most that a page holds, more than 0.
	Limit int
}

// LogPage is a part of the log. Payloads that are larger than a page are left out.
type LogPage struct {
	Entries []LogEntry
	// Gap is as Log.Read has it.
	Gap bool
	// Next is the place that the next page follows; zero if this one reaches to the log's end.
	Next ID
	// Extent is that of the log when the page was begun.
	Extent LogExtent
}

// LogReader is the driving port to the log, for operators. It is safe for concurrent use.
type LogReader interface {
	// Read returns a page. It may hold less than Limit, or nothing, and be followed by
	// another: its bytes are bounded, and how much one call looks through. Errors: those of
	// Log.
	Read(ctx context.Context, q LogQuery) (LogPage, error)
}
