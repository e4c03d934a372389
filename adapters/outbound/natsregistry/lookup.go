package natsregistry

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/connection"
)

// ByRequestID implements connection.Registry.
func (r *Registry) ByRequestID(ctx context.Context, id connection.RequestID) (connection.Connection, error) {
	c, revision, err := r.get(ctx, id)
	if err == nil && revision == 0 {
		err = connection.ErrNotFound
	}
	return c, err
}

// ByToken implements connection.Registry.
func (r *Registry) ByToken(ctx context.Context, token connection.Token) (connection.Connection, error) {
	id, err := r.ownerOf(ctx, token)
	if err != nil {
		return connection.Connection{}, err
	}
	c, _, err := r.get(ctx, id)
	if err == nil && c.Token != token { // replaced or removed
		err = connection.ErrNotFound
	}
	if err != nil {
		return connection.Connection{}, err
	}
	return c, nil
}

// ownerOf returns the request_id that a token was put for, without asking NATS
// if it was put here. Errors: connection.ErrNotFound.
func (r *Registry) ownerOf(ctx context.Context, token connection.Token) (connection.RequestID, error) {
	if c, known := r.own.get(token); known {
		return c.RequestID, nil
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

// Remove implements connection.Registry. A connection of this node that another
// node has replaced is returned as removed, too: now it leaves this node's roster.
func (r *Registry) Remove(ctx context.Context, token connection.Token) (connection.Connection, error) {
	id, err := r.ownerOf(ctx, token)
	if err != nil {
		return connection.Connection{}, err
	}
	defer r.turn.take(id)()
	c, err := r.remove(ctx, id, token)
	if errors.Is(err, connection.ErrNotFound) {
		if left, own := r.own.remove(token); own {
			return left, nil
		}
	}
	if err != nil {
		return connection.Connection{}, err
	}
	r.own.remove(token)
	return c, nil
}

// remove deletes the record of id if it names token.
func (r *Registry) remove(ctx context.Context, id connection.RequestID, token connection.Token) (connection.Connection, error) {
	for {
		c, revision, err := r.get(ctx, id)
		if err != nil {
			return c, err
		}
		if revision == 0 || c.Token != token {
			return c, connection.ErrNotFound
		}
		err = r.drop(ctx, recordKey(id), revision)
		if natsbroker.Conflict(err) {
			continue
		}
		if err != nil {
			return c, fmt.Errorf("registry: %w", err)
		}
		r.release(ctx, c)
		return c, nil
	}
}
