package natsregistry

import (
	"context"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

var _ connection.Orphans = (*Registry)(nil)

// AdoptRecorded makes the connections that are recorded for this node its own: streams
// of an external gateway live on while the service restarts (rule C8). It is for
// the start, before any client connects.
func (r *Registry) AdoptRecorded(ctx context.Context) error {
	return r.records.each(ctx, func(c stored) {
		if r.own.owns(c.Connection) {
			_, _ = r.own.add(c.Connection) // a token that two records name stays the first one's
			r.own.setRevision(c.Connection, c.revision)
		}
	})
}

// List implements connection.Orphans.
func (r *Registry) List(ctx context.Context, present func(node string) bool) (left []connection.Connection, err error) {
	err = r.records.each(ctx, func(c stored) {
		if !r.own.has(c.Connection) && !present(c.Node) {
			left = append(left, c.Connection)
		}
	})
	return left, err
}

// Adopt implements connection.Orphans.
func (r *Registry) Adopt(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	taken := c
	taken.Node = r.cfg.Node
	if !r.own.addOrphan(taken) { // first, as in Put
		return connection.Connection{}, connection.ErrNotFound
	}
	r.own.writes.begin(taken)
	defer r.own.writes.end(taken)
	taken, _, revision, err := r.records.change(ctx, c.RequestID, func(now connection.Connection) (connection.Connection, bool) {
		own := taken
		own.Principal = now.Principal // that may have been renewed since c was listed
		return own, now.Same(c) || now.Same(own)
	})
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
	now, err := r.records.get(ctx, c.RequestID)
	if err != nil || !now.Same(c) || r.own.has(c) {
		return unavailable(err)
	}
	err = r.records.delete(ctx, c.RequestID, now.revision)
	if natsbroker.Conflict(err) { // it has connected since
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	r.index.release(ctx, c)
	return nil
}

// Release implements connection.Orphans.
func (r *Registry) Release(token connection.Token) bool {
	_, known := r.own.removeToken(token)
	return known
}
