package output

import (
	"context"

	"heliograph/domain/connection"
	"heliograph/domain/task"
)

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/output.go -package=mocks -mock_names=Store=MockOutputStore,Writer=MockOutputWriter,Reader=MockOutputReader,Followers=MockOutputFollowers

// Store is the driven port to the outputs of tasks. It knows nothing of tasks but their
// IDs: an output is there from its first byte on, and one that is not is empty. What it
// takes is bounded: of each output the first HeadBytes and a tail of its configured size
// (Window), and of all together a bound of its own, over which those go that were not
// written for the longest time; what is gone is a gap to readers. It is safe for
// concurrent use, and what one call has appended a later call of any caller reads. Every
// call but Watch may also return ErrUnavailable and ctx.Err().
type Store interface { //nolint:interfacebloat // one kind of record: two ports would always go together
	// Length returns how long the output is, in bytes, gone ones included.
	Length(ctx context.Context, id task.ID) (int64, error)
	// Append adds text, which Check has passed and the caller does not change any more,
	// at the offset that is the output's length, and returns the new one. If the output
	// has that very text there already nothing is changed and nothing is wrong: the call
	// is one whose answer was lost. Errors: *OffsetError.
	Append(ctx context.Context, id task.ID, offset int64, text []byte) (length int64, err error)
	// Read returns text from an offset on, of limit bytes at most and mostly, but of one
	// character at least if there is one. It begins and ends with whole characters; where
	// that offset is gone, or within a character, the next that is kept. The text is
	// empty, at Length, when nothing follows. Chunk.Closed is always false. Errors:
	// *OffsetError for an offset beyond the end.
	Read(ctx context.Context, id task.ID, from int64, limit int) (Chunk, error)
	// Watch has grown called soon after the output has grown, by whichever node, or may
	// have, until stop is called. grown must not block or call the store.
	Watch(id task.ID, grown func()) (stop func())
	// Delete removes the output.
	Delete(ctx context.Context, id task.ID) error
	// IDs returns the tasks that have output, in no order.
	IDs(ctx context.Context) ([]task.ID, error)
}

// Writer is the driving port for workers outside that append to the output of the tasks
// that they have claimed. It is safe for concurrent use.
type Writer interface {
	// Append adds text to the output of a task that is leased to the caller, at the
	// offset that is its length, and returns the new one. It renews the lease. A call
	// whose answer was lost may be made again. Empty text changes nothing; with a
	// negative offset besides it only asks for the length. Errors: task.ErrNotFound, task.ErrLeaseLost,
	// *OffsetError, ErrTooLarge, ErrInvalidUTF8, ErrUnavailable, those of task.Workers.
	Append(ctx context.Context, id task.ID, lease task.Lease, offset int64, text []byte) (length int64, err error)
}

// Reader is the driving port to what tasks have printed. It is safe for concurrent use.
type Reader interface {
	// Read returns what there is from an offset on (Store.Read), and whether the task has
	// ended. A negative offset is the end. Errors: task.ErrNotFound, *OffsetError,
	// ErrUnavailable, task.ErrUnavailable.
	Read(ctx context.Context, id task.ID, from int64, limit int) (Chunk, error)
	// Await is Read that waits until there is text at from, or the task has ended.
	// Errors: also ctx.Err(), and ErrShuttingDown.
	Await(ctx context.Context, id task.ID, from int64, limit int) (Chunk, error)
}

// Followers is the driving port that has a browser's one stream carry the output of
// tasks (rule T22). It is safe for concurrent use, and any node may be asked.
type Followers interface {
	// Follow sends the stream of a request_id what the task prints, from an offset on, as
	// private events, until the task has ended, or the stream, or Unfollow is called.
	// Following a task again goes on at the new offset. Errors: connection.ErrNotFound,
	// task.ErrNotFound, *OffsetError, ErrTooMany, ErrUnavailable, ErrShuttingDown,
	// connection.ErrUnavailable.
	Follow(ctx context.Context, id connection.RequestID, f Followed) error
	// Unfollow ends that. A task that is not followed changes nothing. Errors:
	// connection.ErrNotFound, connection.ErrUnavailable.
	Unfollow(ctx context.Context, id connection.RequestID, t task.ID) error
}
