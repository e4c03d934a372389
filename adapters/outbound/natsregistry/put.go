package natsregistry

import (
	"context"
	"errors"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

// Put implements connection.Registry. It takes two round trips, with an index
// three.
func (r *Registry) Put(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	r.own.writes.begin(c)
	defer r.own.writes.end(c)
	known, err := r.own.add(c)
	if err != nil {
		return connection.Connection{}, err
	}
	before, revision, err := r.writer.put(ctx, c)
	if errors.Is(err, connection.ErrRequestIDTaken) {
		defer r.deletes.add(func(ctx context.Context) { r.index.release(ctx, c) })
	}
	switch {
	case err != nil && r.own.undoAdd(c, known):
		return connection.Connection{}, nil
	case err != nil:
		return connection.Connection{}, err
	}
	r.recorded(c, revision)
	switch {
	case known && before.Token == "":
		return c, nil
	case before.Token == "" || before.Token == c.Token:
		return before, nil
	}
	r.deletes.add(func(ctx context.Context) { r.index.release(ctx, before) })
	if there := r.own.remove(before); r.own.owns(before) && !there {
		return connection.Connection{}, nil // it had ended, and its record was to be deleted
	}
	return before, nil
}

// PutNew implements connection.Registry.
func (r *Registry) PutNew(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	r.own.writes.begin(c)
	defer r.own.writes.end(c)
	known, err := r.own.add(c)
	if err != nil {
		return connection.Connection{}, err
	}
	there, revision, err := r.writer.putIf(ctx, c, func(now connection.Connection) bool { return now.Same(c) || r.own.ended(now) })
	switch {
	case (err != nil || revision == 0) && r.own.undoAdd(c, known):
		return connection.Connection{}, nil
	case err != nil:
		return connection.Connection{}, unavailable(err)
	case revision == 0:
		return there, nil
	}
	r.recorded(c, revision)
	if known {
		return c, nil
	}
	return connection.Connection{}, nil
}

// Renew implements connection.Registry. It takes two round trips.
func (r *Registry) Renew(ctx context.Context, c connection.Connection) error {
	if !r.own.has(c) {
		return connection.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	_, _, revision, err := r.records.change(ctx, c.RequestID, func(now connection.Connection) (connection.Connection, bool) { return c, now.Same(c) })
	if err == nil && revision == 0 {
		err = connection.ErrNotFound
	}
	if err != nil {
		return unavailable(err)
	}
	r.recorded(c, revision)
	return nil
}

// recorded notes the revision of c's record. If c has ended meanwhile, the record
// is deleted.
func (r *Registry) recorded(c connection.Connection, revision uint64) {
	if !r.own.setRevision(c, revision) {
		r.own.writes.begin(c)
		r.erase(c, revision)
	}
}

// erase deletes c's record in the background, if it is still at that revision, and ends what
// writes.begin has begun.
func (r *Registry) erase(c connection.Connection, revision uint64) {
	r.deletes.add(func(ctx context.Context) {
		defer r.own.writes.end(c)
		if err := r.records.delete(ctx, c.RequestID, revision); err != nil && !natsbroker.Conflict(err) {
			r.own.mismatches.addUnknown(c) // to be deleted later
		}
		r.index.release(ctx, c)
	})
}
