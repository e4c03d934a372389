package natsregistry

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// records reads and changes the bucket's records, which are kept under their
// request_ids. It is safe for concurrent use.
type records struct{ bucket *natsbroker.Bucket }

// stored is a connection as its record has it. The zero Connection is no record.
type stored struct {
	connection.Connection

	unknown  unknownFields
	revision uint64 // that a change must name
}

// get returns the record of a request_id, or none.
func (r *records) get(ctx context.Context, id connection.RequestID) (stored, error) {
	msg, err := r.bucket.Newest(ctx, recordKey(id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return stored{}, nil
	}
	if err != nil {
		return stored{}, err
	}
	if natsbroker.Deleted(msg.Header) {
		return stored{revision: msg.Sequence}, nil
	}
	c, unknown, err := decode(id, msg.Data)
	if err != nil { // so it is replaced
		r.bucket.LeaveOut(recordKey(id), msg.Sequence, err)
		return stored{revision: msg.Sequence}, nil
	}
	return stored{Connection: c, unknown: unknown, revision: msg.Sequence}, nil
}

// change has a record of a request_id replaced by what next makes of it, unless that
// refuses, and returns it. The zero Connection is no record. before is what was
// replaced, unless that was the same connection; after an error, what it tried to replace. The
// revision is 0 if next refused.
func (r *records) change(ctx context.Context, id connection.RequestID, next func(now connection.Connection) (c connection.Connection, ok bool),
) (c, before connection.Connection, revision uint64, err error) {
	for {
		now, err := r.get(ctx, id)
		if err != nil {
			return c, before, 0, err
		}
		c, ok := next(now.Connection)
		if !now.Same(c) || !ok { // else it is written again: an earlier c that has ended may be about to be deleted
			before = now.Connection
		}
		if !ok {
			return c, before, 0, nil
		}
		text, err := encode(c, now.unknown.of(now.Connection, c))
		if err != nil {
			return c, before, 0, err
		}
		revision, err = r.bucket.Update(ctx, recordKey(id), text, now.revision)
		if !natsbroker.Conflict(err) {
			return c, before, revision, err
		}
	}
}

// delete deletes the record of a request_id if it is still at that revision.
// Errors: one that natsbroker.Conflict knows.
func (r *records) delete(ctx context.Context, id connection.RequestID, revision uint64) error {
	return r.bucket.Purge(ctx, recordKey(id), revision)
}

// each calls visit with each record that there is.
func (r *records) each(ctx context.Context, visit func(stored)) error {
	return unavailable(r.bucket.Each(ctx, byRequestID+".>", func(entry jetstream.KeyValueEntry) error {
		id, err := requestIDOf(entry.Key())
		if err != nil {
			return err
		}
		c, unknown, err := decode(id, entry.Value())
		if err != nil {
			return err
		}
		visit(stored{Connection: c, unknown: unknown, revision: entry.Revision()})
		return nil
	}))
}
