package natsregistry

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/connection"
)

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

// leftovers calls handle with each connection that is recorded for this node.
func (r *Registry) leftovers(ctx context.Context, handle func(c connection.Connection, revision uint64) error) error {
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
			if err := r.leftover(entry, handle); err != nil {
				return fmt.Errorf("registry: %w", err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Registry) leftover(entry jetstream.KeyValueEntry, handle func(connection.Connection, uint64) error) error {
	id, err := requestIDOf(entry.Key())
	if err != nil {
		return err
	}
	c, err := decode(id, entry.Value())
	if err != nil || !r.owns(c) {
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
