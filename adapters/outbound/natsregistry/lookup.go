package natsregistry

import (
	"context"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// ByRequestID implements connection.Registry.
func (r *Registry) ByRequestID(ctx context.Context, id connection.RequestID) (connection.Connection, error) {
	c, _, err := r.get(ctx, id)
	if err == nil && r.ended(c) {
		err = connection.ErrNotFound
	}
	if err != nil {
		return connection.Connection{}, unavailable(err)
	}
	return c, nil
}

// ByToken implements connection.Registry. Of this node's own tokens the roster
// says what it knows, without a round trip: one that another node has replaced is
// found until the news has come.
func (r *Registry) ByToken(ctx context.Context, token connection.Token) (connection.Connection, error) {
	if c, known := r.own.get(token); known {
		return c, nil
	}
	c, _, err := r.foreign(ctx, token)
	if err != nil {
		return connection.Connection{}, unavailable(err)
	}
	return c, nil
}

// foreign returns another node's connection, and its record's revision. Errors:
// connection.ErrNotFound.
func (r *Registry) foreign(ctx context.Context, token connection.Token) (c connection.Connection, revision uint64, err error) {
	id, err := r.indexed(ctx, token)
	if err != nil {
		return c, 0, err
	}
	c, revision, err = r.get(ctx, id)
	if err == nil && (c.Token != token || r.ended(c)) { // replaced or removed
		err = connection.ErrNotFound
	}
	return c, revision, err
}

// Remove implements connection.Registry. A connection of this node is removed at
// once and its record soon after, if it has not been replaced.
func (r *Registry) Remove(ctx context.Context, token connection.Token) (connection.Connection, error) {
	if c, known := r.own.removeToken(token); known {
		if c.revision > 0 { // else Put is about to find out
			r.erase(c.Connection, c.revision)
		}
		return c.Connection, nil
	}
	for {
		c, revision, err := r.foreign(ctx, token)
		if err == nil {
			err = r.drop(ctx, recordKey(c.RequestID), revision)
		}
		if natsbroker.Conflict(err) {
			continue
		}
		if err != nil {
			return connection.Connection{}, unavailable(err)
		}
		r.release(ctx, c)
		return c, nil
	}
}
