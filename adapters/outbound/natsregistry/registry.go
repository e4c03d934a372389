// Package natsregistry implements connection.Registry in a NATS key-value bucket
// that all nodes share.
//
// A record is kept under its request_id and is authoritative; who changes it
// says which revision it must have. What a node knows of its own connections it
// keeps in memory, its roster: that speaks for their tokens, and follows the bucket
// to learn what others did to them. A connection leaves the roster at once when it
// ends, and its record a little later.
//
// Where news of a connection may reach another node than its owner, there is an
// index from token to request_id beside the records, written before the record is
// and deleted after it. What a crash leaves in the index names a record that does
// not name it back, and so counts as nothing (rule C1).
package natsregistry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/connection"
)

const bucket = "heliograph_connections"

// Kinds of keys: each is followed by a name of its own.
const (
	byRequestID = "id"
	byToken     = "token"
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

// Config is what a Registry needs to know.
type Config struct {
	// Node is the name of the node that sees the registry so. None of the connections
	// that are there already counts as its own until Adopt. With "" there is one node
	// only, whatever its name is or was, and all connections are its own.
	Node string
	// Index has other nodes find a connection by its token.
	Index bool
}

// Registry is the record of the connections of all nodes. It is safe for
// concurrent use.
type Registry struct {
	cfg     Config
	broker  *natsbroker.Broker
	kv      jetstream.KeyValue
	records jetstream.Stream // of the bucket
	own     *roster
	chores  *chores
	log     *slog.Logger
	away    atomic.Bool // the last Put that came to an end failed
}

var _ connection.Registry = (*Registry)(nil)

// Open returns the registry. Its Flush must be called in the end.
func Open(ctx context.Context, broker *natsbroker.Broker, cfg Config, log *slog.Logger) (*Registry, error) {
	kv, err := broker.Bucket(ctx, bucket, -1)
	if err != nil {
		return nil, err
	}
	records, err := broker.Records(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return &Registry{cfg: cfg, broker: broker, kv: kv, records: records, own: newRoster(), chores: newChores(), log: log}, nil
}

// Flush waits until the records of all that has ended are deleted. Errors:
// ctx.Err(); then the rest of them is given up.
func (r *Registry) Flush(ctx context.Context) error { return r.chores.finish(ctx) }

// Put implements connection.Registry. It takes two round trips, with an index
// three.
func (r *Registry) Put(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	known, err := r.enter(c)
	if err != nil {
		return connection.Connection{}, err
	}
	before, revision, err := r.insist(ctx, c)
	if err != nil {
		r.leave(c, known)
		return connection.Connection{}, err
	}
	r.settle(c, revision)
	switch {
	case known && before.Token == "":
		return c, nil
	case before.Token == "" || before.Token == c.Token:
		return before, nil
	}
	r.chores.add(func(ctx context.Context) { r.release(ctx, before) })
	if _, there := r.own.remove(before.Token); r.owns(before) && !there {
		return connection.Connection{}, nil // it had ended, and its record was to be deleted
	}
	return before, nil
}

// PutNew implements connection.Registry.
func (r *Registry) PutNew(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	known, err := r.enter(c)
	if err != nil {
		return connection.Connection{}, err
	}
	var there connection.Connection
	var revision uint64
	if err = r.claim(ctx, c); err == nil {
		there, revision, err = r.write(ctx, c, r.ended)
	}
	switch {
	case err != nil:
		r.leave(c, known)
		return connection.Connection{}, unavailable(err)
	case revision == 0:
		r.leave(c, known)
		return there, nil
	}
	r.settle(c, revision)
	if known {
		return c, nil
	}
	return connection.Connection{}, nil
}

// enter puts c into the roster, before its record is written: news from another
// node that has replaced c already must find it there. It reports whether it was
// there. Errors: connection.ErrTokenTaken.
func (r *Registry) enter(c connection.Connection) (known bool, err error) {
	now, known := r.own.add(c)
	if now.RequestID != c.RequestID {
		return true, connection.ErrTokenTaken
	}
	return known, nil
}

// leave takes back what enter did.
func (r *Registry) leave(c connection.Connection, known bool) {
	if !known {
		r.own.remove(c.Token)
	}
}

// settle notes the revision of c's record. If c has ended meanwhile the record has to go.
func (r *Registry) settle(c connection.Connection, revision uint64) {
	if !r.own.settle(c.Token, revision) {
		r.erase(c, revision)
	}
}

func (r *Registry) owns(c connection.Connection) bool {
	return r.cfg.Node == "" || r.cfg.Node == c.Node
}

// ended reports whether c, as a record says, is none, or one of this node's that
// has ended.
func (r *Registry) ended(c connection.Connection) bool {
	if c.Token == "" {
		return true
	}
	_, there := r.own.get(c.Token)
	return r.owns(c) && !there
}

// insist makes c the record of its request_id, in several tries if need be, and
// returns what was there before, unless that was c, and the record's revision.
func (r *Registry) insist(ctx context.Context, c connection.Connection) (before connection.Connection, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	always := func(connection.Connection) bool { return true }
	for {
		limited, cancel := context.WithTimeout(ctx, tryTime)
		err = r.claim(limited, c)
		if err == nil {
			var was connection.Connection
			if was, revision, err = r.write(limited, c, always); was.Token != "" {
				before = was
			}
		}
		cancel()
		if err == nil || errors.Is(err, connection.ErrTokenTaken) {
			if r.away.CompareAndSwap(true, false) {
				r.log.InfoContext(ctx, "connections are recorded again")
			}
			return before, revision, err
		}
		if natsbroker.Pause(ctx, putPause); ctx.Err() != nil {
			r.missed(ctx, err)
			return before, 0, unavailable(err)
		}
	}
}

// missed logs the first of the connections that cannot be recorded.
func (r *Registry) missed(ctx context.Context, err error) {
	if !errors.Is(ctx.Err(), context.Canceled) && !r.away.Swap(true) { // else its client went away
		r.log.WarnContext(ctx, "connections cannot be recorded, their clients are sent away", slog.Any("error", err))
	}
}

// write makes c the record of its request_id if it may take the place of what is
// there, and returns that, unless it was c. The revision is 0 if it may not. After
// an error it returns what it tried to replace.
func (r *Registry) write(ctx context.Context, c connection.Connection, may func(now connection.Connection) bool,
) (before connection.Connection, revision uint64, err error) {
	text, err := encode(c)
	if err != nil {
		return before, 0, err
	}
	for {
		now, at, err := r.get(ctx, c.RequestID)
		if err != nil || now == c {
			return before, at, err
		}
		before = now
		if !may(now) {
			return before, 0, nil
		}
		at, err = r.kv.Update(ctx, recordKey(c.RequestID), text, at)
		if !natsbroker.Conflict(err) {
			return before, at, err
		}
	}
}

// get returns the record of a request_id, or nothing, and the revision that who
// changes it must name.
func (r *Registry) get(ctx context.Context, id connection.RequestID) (connection.Connection, uint64, error) {
	msg, err := r.records.GetLastMsgForSubject(ctx, natsbroker.BucketSubject(bucket, recordKey(id)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return connection.Connection{}, 0, nil
	}
	if err != nil {
		return connection.Connection{}, 0, err
	}
	if natsbroker.Deleted(msg.Header) {
		return connection.Connection{}, msg.Sequence, nil
	}
	c, err := decode(id, msg.Data)
	return c, msg.Sequence, err
}

// erase deletes c's record in the background, if it is still at that revision.
func (r *Registry) erase(c connection.Connection, revision uint64) {
	r.chores.add(func(ctx context.Context) {
		if err := r.drop(ctx, recordKey(c.RequestID), revision); err != nil && !natsbroker.Conflict(err) {
			r.own.missing(c) // to be dropped later
		}
		r.release(ctx, c)
	})
}

// drop deletes a key if it is still at that revision.
func (r *Registry) drop(ctx context.Context, key string, revision uint64) error {
	return r.kv.Purge(ctx, key, jetstream.LastRevision(revision))
}

// unavailable is what a caller is told of an error of NATS.
func unavailable(err error) error {
	if err == nil || errors.Is(err, connection.ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w: %w", connection.ErrUnavailable, err)
}
