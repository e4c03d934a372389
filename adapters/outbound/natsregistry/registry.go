// Package natsregistry implements connection.Registry in a NATS key-value bucket
// that all nodes share.
//
// A record is kept under its request_id and is authoritative; every change names
// the revision that the record must have. A node keeps its own connections in
// memory too, in its roster: it answers look-ups by their tokens, and follows the
// bucket for changes that other nodes make. A connection leaves the roster at once
// when it ends, and its record is deleted a little later.
//
// Where the end of a connection may reach another node than its owner, there is an
// index from token to request_id beside the records, written before the record is
// and deleted after it. What a crash leaves in the index names a record that does
// not name it back, and so counts as nothing (rule C1).
package natsregistry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

const bucket = "heliograph_connections"

// Kinds of keys: each is followed by a name of its own.
const (
	byRequestID = "id"
	byToken     = "token"
)

// Config is what a Registry needs to know.
type Config struct {
	// Node is the name of the node that sees the registry so. None of the connections
	// that are there already counts as its own until Adopt. With "" there is one node
	// only, whatever its name is or was, and all connections are its own.
	Node string
	// Index has other nodes find a connection by its token.
	Index bool
}

// Registry is the record of the connections of all nodes. It is safe for
// concurrent use.
type Registry struct {
	cfg     Config
	broker  *natsbroker.Broker
	kv      jetstream.KeyValue
	records jetstream.Stream // of the bucket
	own     *roster
	deletes *backgroundDeletes
	log     *slog.Logger
	failing atomic.Bool // the last Put that came to an end failed
}

var _ connection.Registry = (*Registry)(nil)

// Open returns the registry. Its Flush must be called in the end.
func Open(ctx context.Context, broker *natsbroker.Broker, cfg Config, log *slog.Logger) (*Registry, error) {
	kv, err := broker.Bucket(ctx, bucket, -1)
	if err != nil {
		return nil, err
	}
	records, err := broker.Records(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return &Registry{cfg: cfg, broker: broker, kv: kv, records: records, own: newRoster(), deletes: newBackgroundDeletes(), log: log}, nil
}

// Flush waits until the records of all that has ended are deleted. Errors:
// ctx.Err(); then the rest of them is given up.
func (r *Registry) Flush(ctx context.Context) error { return r.deletes.finish(ctx) }

func (r *Registry) owns(c connection.Connection) bool {
	return r.cfg.Node == "" || r.cfg.Node == c.Node
}

// ended reports whether c, as a record says, is none, or one of this node's that
// has ended.
func (r *Registry) ended(c connection.Connection) bool {
	return c.Token == "" || r.owns(c) && !r.own.has(c)
}

// write makes c the record of its request_id if it may take the place of what is
// there, and returns that, unless it was c. The revision is 0 if it may not. After
// an error it returns what it tried to replace.
func (r *Registry) write(ctx context.Context, c connection.Connection, may func(now connection.Connection) bool,
) (before connection.Connection, revision uint64, err error) {
	text, err := encode(c)
	if err != nil {
		return before, 0, err
	}
	for {
		now, at, err := r.get(ctx, c.RequestID)
		if err != nil {
			return before, 0, err
		}
		if now != c { // else it is written again: an earlier c that has ended may be about to be deleted
			before = now
			if !may(now) {
				return before, 0, nil
			}
		}
		at, err = r.kv.Update(ctx, recordKey(c.RequestID), text, at)
		if !natsbroker.Conflict(err) {
			return before, at, err
		}
	}
}

// get returns the record of a request_id, or nothing, and the revision that a
// change of it must name.
func (r *Registry) get(ctx context.Context, id connection.RequestID) (connection.Connection, uint64, error) {
	msg, err := r.records.GetLastMsgForSubject(ctx, natsbroker.BucketSubject(bucket, recordKey(id)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return connection.Connection{}, 0, nil
	}
	if err != nil {
		return connection.Connection{}, 0, err
	}
	if natsbroker.Deleted(msg.Header) {
		return connection.Connection{}, msg.Sequence, nil
	}
	c, err := decode(id, msg.Data)
	if err != nil { // so it is replaced
		r.broker.LeaveOutKey(bucket, recordKey(id), msg.Sequence, err)
		return connection.Connection{}, msg.Sequence, nil
	}
	return c, msg.Sequence, nil
}

// erase deletes c's record in the background, if it is still at that revision.
func (r *Registry) erase(c connection.Connection, revision uint64) {
	r.deletes.add(func(ctx context.Context) {
		if err := r.drop(ctx, recordKey(c.RequestID), revision); err != nil && !natsbroker.Conflict(err) {
			r.own.addUnknown(c) // to be deleted later
		}
		r.release(ctx, c)
	})
}

// drop deletes a key if it is still at that revision.
func (r *Registry) drop(ctx context.Context, key string, revision uint64) error {
	return r.kv.Purge(ctx, key, jetstream.LastRevision(revision))
}

// unavailable makes the error for a caller of an error of NATS.
func unavailable(err error) error {
	if err == nil || errors.Is(err, connection.ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w: %w", connection.ErrUnavailable, err)
}
