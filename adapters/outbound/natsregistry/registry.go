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

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

const bucketName = "heliograph_connections"

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
	records *records
	index   *tokenIndex
	writer  *writer
	own     *roster
	deletes *backgroundDeletes
}

var _ connection.Registry = (*Registry)(nil)

// Open returns the registry. Its Flush must be called in the end.
func Open(ctx context.Context, broker *natsbroker.Broker, cfg Config, log *slog.Logger) (*Registry, error) {
	bucket, err := broker.Bucket(ctx, bucketName, -1)
	if err != nil {
		return nil, err
	}
	own := newRoster(cfg.Node)
	records := &records{bucket: bucket}
	index := &tokenIndex{inUse: cfg.Index, bucket: bucket, records: records, own: own}
	return &Registry{
		cfg: cfg, records: records, index: index, own: own, deletes: newBackgroundDeletes(),
		writer: &writer{records: records, index: index, log: log},
	}, nil
}

// Flush waits until the records of all that has ended are deleted. Errors:
// ctx.Err(); then the rest of them is given up.
func (r *Registry) Flush(ctx context.Context) error { return r.deletes.finish(ctx) }

// unavailable makes the error for a caller of an error of NATS.
func unavailable(err error) error {
	if err == nil || errors.Is(err, connection.ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w: %w", connection.ErrUnavailable, err)
}
