package natsregistry

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// tokenIndex finds a connection of another node by its token: it holds the
// request_id of each token, if it is in use. It is safe for concurrent use.
type tokenIndex struct {
	inUse   bool
	bucket  *natsbroker.Bucket
	records *records
	own     *roster
}

// claim enters c's token. Errors: connection.ErrTokenTaken.
func (x *tokenIndex) claim(ctx context.Context, c connection.Connection) error {
	if !x.inUse {
		return nil
	}
	key := tokenKey(c.Token)
	for {
		_, err := x.bucket.Create(ctx, key, []byte(c.RequestID))
		if !natsbroker.Conflict(err) {
			return err
		}
		entry, err := x.bucket.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // released meanwhile
		}
		if err != nil {
			return err
		}
		if owner := connection.RequestID(entry.Value()); owner != c.RequestID {
			other, err := x.records.get(ctx, owner)
			if err != nil {
				return err
			}
			if other.Token == c.Token && !x.own.ended(other.Connection) {
				return connection.ErrTokenTaken
			}
		}
		// Written again even if it is c's: a release of an earlier c may be under way.
		if _, err = x.bucket.Update(ctx, key, []byte(c.RequestID), entry.Revision()); !natsbroker.Conflict(err) {
			return err // nil: the entry was left over
		}
	}
}

// release deletes the entry of c's token unless it is another connection's by now, or
// c has come back. If that fails the entry stays, and counts as nothing.
func (x *tokenIndex) release(ctx context.Context, c connection.Connection) {
	if !x.inUse {
		return
	}
	entry, err := x.bucket.Get(ctx, tokenKey(c.Token))
	if err == nil && string(entry.Value()) == string(c.RequestID) && !x.own.has(c) {
		_ = x.bucket.Purge(ctx, entry.Key(), entry.Revision())
	}
}

// find returns the record of another node's connection. Errors:
// connection.ErrNotFound.
func (x *tokenIndex) find(ctx context.Context, token connection.Token) (stored, error) {
	if !x.inUse {
		return stored{}, connection.ErrNotFound
	}
	entry, err := x.bucket.Get(ctx, tokenKey(token))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return stored{}, connection.ErrNotFound
	}
	if err != nil {
		return stored{}, err
	}
	c, err := x.records.get(ctx, connection.RequestID(entry.Value()))
	if err == nil && (c.Token != token || x.own.ended(c.Connection)) { // replaced or removed
		err = connection.ErrNotFound
	}
	return c, err
}
