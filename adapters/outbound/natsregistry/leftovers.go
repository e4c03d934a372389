package natsregistry

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/connection"
)

var _ connection.Heritage = (*Registry)(nil)

// Adopt makes the connections that are recorded for this node its own: streams
// of an external gateway live on while the service restarts (rule C8). It is for
// the start, before anybody connects.
func (r *Registry) Adopt(ctx context.Context) error {
	return r.leftovers(ctx, func(c connection.Connection, _ uint64) error {
		r.own.add(c)
		return nil
	})
}

// Clear deletes the connections that are recorded for this node: streams of the
// embedded gateway ended with the process that held them. It is for the start,
// before anybody connects.
func (r *Registry) Clear(ctx context.Context) error {
	return r.leftovers(ctx, func(c connection.Connection, revision uint64) error {
		err := r.drop(ctx, recordKey(c.RequestID), revision)
		if natsbroker.Conflict(err) { // it has connected elsewhere since
			return nil
		}
		if err != nil {
			return err
		}
		r.release(ctx, c)
		return nil
	})
}

// Left implements connection.Heritage.
func (r *Registry) Left(ctx context.Context, present func(node string) bool) (left []connection.Connection, err error) {
	err = r.each(ctx, func(c connection.Connection, _ uint64) error {
		if _, own := r.own.get(c.Token); !own && !present(c.Node) {
			left = append(left, c)
		}
		return nil
	})
	return left, err
}

// Take implements connection.Heritage.
func (r *Registry) Take(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	defer r.turn.take(c.RequestID)()
	was, revision, err := r.get(ctx, c.RequestID)
	if err == nil && (revision == 0 || was != c) {
		err = connection.ErrNotFound
	}
	if err != nil {
		return connection.Connection{}, err
	}
	taken := c
	taken.Node = r.node
	text, err := json.Marshal(record{Token: taken.Token, Node: taken.Node})
	if err != nil {
		return connection.Connection{}, err
	}
	r.own.add(taken) // first, as in Put
	_, err = r.kv.Update(ctx, recordKey(c.RequestID), text, revision)
	if err == nil {
		return taken, nil
	}
	r.own.remove(c.Token)
	if natsbroker.Conflict(err) {
		return connection.Connection{}, connection.ErrNotFound
	}
	return connection.Connection{}, fmt.Errorf("registry: %w", err)
}

// Forgo implements connection.Heritage.
func (r *Registry) Forgo(token connection.Token) bool {
	_, known := r.own.remove(token)
	return known
}

// leftovers calls handle with each connection that is recorded for this node.
func (r *Registry) leftovers(ctx context.Context, handle func(c connection.Connection, revision uint64) error) error {
	return r.each(ctx, func(c connection.Connection, revision uint64) error {
		if !r.owns(c) {
			return nil
		}
		return handle(c, revision)
	})
}

// each calls handle with each connection that there is.
func (r *Registry) each(ctx context.Context, handle func(c connection.Connection, revision uint64) error) error {
	records, err := r.kv.Watch(ctx, byRequestID+".>", jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	defer func() { _ = records.Stop() }() // it can only be stopped already
	for {
		select {
		case entry := <-records.Updates():
			if entry == nil { // that is all
				return nil
			}
			if err := visit(entry, handle); err != nil {
				return fmt.Errorf("registry: %w", err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func visit(entry jetstream.KeyValueEntry, handle func(connection.Connection, uint64) error) error {
	id, err := requestIDOf(entry.Key())
	if err != nil {
		return err
	}
	c, err := decode(id, entry.Value())
	if err != nil {
		return err
	}
	return handle(c, entry.Revision())
}

// requestIDOf reads what recordKey wrote.
func requestIDOf(key string) (connection.RequestID, error) {
	parts, err := natsbroker.Parts(key)
	if err != nil || len(parts) != 2 {
		return "", fmt.Errorf("key %q is no request_id's: %w", key, err)
	}
	return connection.RequestID(parts[1]), nil
}
