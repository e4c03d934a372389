package natsregistry

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

var _ connection.Orphans = (*Registry)(nil)

// AdoptRecorded makes the connections that are recorded for this node its own: streams
// of an external gateway live on while the service restarts (rule C8). It is for
// the start, before any client connects.
func (r *Registry) AdoptRecorded(ctx context.Context) error {
	return r.each(ctx, func(c connection.Connection, revision uint64) {
		if r.owns(c) {
			r.own.add(c)
			r.own.setRevision(c, revision)
		}
	})
}

// List implements connection.Orphans.
func (r *Registry) List(ctx context.Context, present func(node string) bool) (left []connection.Connection, err error) {
	err = r.each(ctx, func(c connection.Connection, _ uint64) {
		if !r.own.has(c) && !present(c.Node) {
			left = append(left, c)
		}
	})
	return left, err
}

// Adopt implements connection.Orphans.
func (r *Registry) Adopt(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	taken := c
	taken.Node = r.cfg.Node
	if _, known := r.own.add(taken); known { // first, as in Put
		return connection.Connection{}, connection.ErrNotFound
	}
	_, revision, err := r.write(ctx, taken, func(now connection.Connection) bool { return now == c })
	if err == nil && revision == 0 {
		err = connection.ErrNotFound
	}
	if err != nil {
		r.own.remove(taken)
		return connection.Connection{}, unavailable(err)
	}
	r.recorded(taken, revision)
	return taken, nil
}

// Delete implements connection.Orphans.
func (r *Registry) Delete(ctx context.Context, c connection.Connection) error {
	now, revision, err := r.get(ctx, c.RequestID)
	if err != nil || now != c || r.own.has(c) {
		return unavailable(err)
	}
	err = r.drop(ctx, recordKey(c.RequestID), revision)
	if natsbroker.Conflict(err) { // it has connected since
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	r.release(ctx, c)
	return nil
}

// Release implements connection.Orphans.
func (r *Registry) Release(token connection.Token) bool {
	_, known := r.own.removeToken(token)
	return known
}

// each calls visit with each connection that there is, and its record's revision.
func (r *Registry) each(ctx context.Context, visit func(c connection.Connection, revision uint64)) error {
	return unavailable(r.broker.Each(ctx, r.kv, byRequestID+".>", func(entry jetstream.KeyValueEntry) error {
		id, err := requestIDOf(entry.Key())
		if err != nil {
			return err
		}
		c, err := decode(id, entry.Value())
		if err != nil {
			return err
		}
		visit(c, entry.Revision())
		return nil
	}))
}
