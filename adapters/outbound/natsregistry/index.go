package natsregistry

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// claim puts c's token into the index, if there is one. Errors:
// connection.ErrTokenTaken.
func (r *Registry) claim(ctx context.Context, c connection.Connection) error {
	if !r.cfg.Index {
		return nil
	}
	key := tokenKey(c.Token)
	for {
		_, err := r.kv.Create(ctx, key, []byte(c.RequestID))
		if !natsbroker.Conflict(err) {
			return err
		}
		entry, err := r.kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // released meanwhile
		}
		if err != nil {
			return err
		}
		if owner := connection.RequestID(entry.Value()); owner != c.RequestID {
			other, _, err := r.get(ctx, owner)
			if err != nil {
				return err
			}
			if other.Token == c.Token && !r.ended(other) {
				return connection.ErrTokenTaken
			}
		}
		// Written again even if it is c's: a release of an earlier c may be under way.
		if _, err = r.kv.Update(ctx, key, []byte(c.RequestID), entry.Revision()); !natsbroker.Conflict(err) {
			return err // nil: the entry was left over
		}
	}
}

// release takes c's token out of the index unless it is another's by now, or c has
// come back. If that fails the entry stays, and counts as nothing.
func (r *Registry) release(ctx context.Context, c connection.Connection) {
	if !r.cfg.Index {
		return
	}
	entry, err := r.kv.Get(ctx, tokenKey(c.Token))
	if err == nil && string(entry.Value()) == string(c.RequestID) && !r.own.has(c) {
		_ = r.drop(ctx, tokenKey(c.Token), entry.Revision())
	}
}

// indexed returns the request_id that another node has put a token for. Errors:
// connection.ErrNotFound.
func (r *Registry) indexed(ctx context.Context, token connection.Token) (connection.RequestID, error) {
	if !r.cfg.Index {
		return "", connection.ErrNotFound
	}
	entry, err := r.kv.Get(ctx, tokenKey(token))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", connection.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	return connection.RequestID(entry.Value()), nil
}
