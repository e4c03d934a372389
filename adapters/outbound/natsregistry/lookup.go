package natsregistry

import (
	"context"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// ByRequestID implements connection.Registry.
func (r *Registry) ByRequestID(ctx context.Context, id connection.RequestID) (connection.Connection, error) {
	c, err := r.records.get(ctx, id)
	if err == nil && r.own.ended(c.Connection) {
		err = connection.ErrNotFound
	}
	if err != nil {
		return connection.Connection{}, unavailable(err)
	}
	return c.Connection, nil
}

// ByToken implements connection.Registry. Of this node's own tokens the roster
// says what it knows, without a round trip: one that another node has replaced is
// found until the news has come.
func (r *Registry) ByToken(ctx context.Context, token connection.Token) (connection.Connection, error) {
	if c, known := r.own.get(token); known {
		return c, nil
	}
	c, err := r.index.find(ctx, token)
	if err != nil {
		return connection.Connection{}, unavailable(err)
	}
	return c.Connection, nil
}

// Remove implements connection.Registry. A connection of this node is removed at
// once and its record soon after, if it has not been replaced.
func (r *Registry) Remove(ctx context.Context, token connection.Token) (connection.Connection, error) {
	if c, known := r.own.end(token); known {
		if c.revision > 0 { // else Put is about to find out
			r.erase(c.Connection, c.revision)
		}
		return c.Connection, nil
	}
	for {
		c, err := r.index.find(ctx, token)
		if err == nil {
			err = r.records.delete(ctx, c.RequestID, c.revision)
		}
		if natsbroker.Conflict(err) {
			continue
		}
		if err != nil {
			return connection.Connection{}, unavailable(err)
		}
		r.index.release(ctx, c.Connection)
		return c.Connection, nil
	}
}
