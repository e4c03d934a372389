package natsregistry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
)

const (
	// putTime bounds a Put, tries and all: a browser or a gateway that waits for the
	// answer gives up after five seconds.
	putTime = 4 * time.Second
	// tryTime is for one of its tries: a request that finds no leader gets no answer.
	tryTime = 1500 * time.Millisecond
	// putPause is between two tries.
	putPause = 100 * time.Millisecond
)

// Put implements connection.Registry. It takes two round trips, with an index
// three.
func (r *Registry) Put(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	known, err := r.addOwn(c)
	if err != nil {
		return connection.Connection{}, err
	}
	before, revision, err := r.putWithRetry(ctx, c)
	switch {
	case err != nil && r.undoAdd(c, known):
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
	r.deletes.add(func(ctx context.Context) { r.release(ctx, before) })
	if there := r.own.remove(before); r.owns(before) && !there {
		return connection.Connection{}, nil // it had ended, and its record was to be deleted
	}
	return before, nil
}

// PutNew implements connection.Registry.
func (r *Registry) PutNew(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	known, err := r.addOwn(c)
	if err != nil {
		return connection.Connection{}, err
	}
	var there connection.Connection
	var revision uint64
	if err = r.claim(ctx, c); err == nil {
		there, revision, err = r.write(ctx, c, r.ended)
	}
	switch {
	case (err != nil || revision == 0) && r.undoAdd(c, known):
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

// addOwn puts c into the roster, before its record is written: a change by another
// node that has replaced c already must find it there. It reports whether it was
// there. Errors: connection.ErrTokenTaken.
func (r *Registry) addOwn(c connection.Connection) (known bool, err error) {
	now, known := r.own.add(c)
	if now.RequestID != c.RequestID {
		return true, connection.ErrTokenTaken
	}
	return known, nil
}

// undoAdd takes back what addOwn did, and reports whether c has ended since. Then
// its Put counts as done, because its end was counted (rule C9).
func (r *Registry) undoAdd(c connection.Connection, known bool) (ended bool) {
	if known {
		return false
	}
	return !r.own.remove(c)
}

// recorded notes the revision of c's record. If c has ended meanwhile, the record
// is deleted.
func (r *Registry) recorded(c connection.Connection, revision uint64) {
	if !r.own.setRevision(c, revision) {
		r.erase(c, revision)
	}
}

// putWithRetry makes c the record of its request_id, in several tries if need be, and
// returns what was there before, unless that was c, and the record's revision.
func (r *Registry) putWithRetry(ctx context.Context, c connection.Connection) (before connection.Connection, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	for {
		was, revision, err := r.tryPut(ctx, c)
		if was.Token != "" {
			before = was
		}
		if err == nil || errors.Is(err, connection.ErrTokenTaken) {
			if r.failing.CompareAndSwap(true, false) {
				r.log.InfoContext(ctx, "connections are recorded again")
			}
			return before, revision, err
		}
		if natsbroker.Pause(ctx, putPause); ctx.Err() != nil {
			r.logFailure(ctx, err)
			return before, 0, unavailable(err)
		}
	}
}

// tryPut is one try of putWithRetry.
func (r *Registry) tryPut(ctx context.Context, c connection.Connection) (before connection.Connection, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	if err := r.claim(ctx, c); err != nil {
		return before, 0, err
	}
	return r.write(ctx, c, func(connection.Connection) bool { return true })
}

// logFailure logs the first Put of a series that fails.
func (r *Registry) logFailure(ctx context.Context, err error) {
	if !errors.Is(ctx.Err(), context.Canceled) && !r.failing.Swap(true) { // else its client went away
		r.log.WarnContext(ctx, "connections cannot be recorded, their clients are sent away", slog.Any("error", err))
	}
}
