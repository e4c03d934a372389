// Package natsregistry implements connection.Registry in a NATS key-value bucket
// that all nodes share.
//
// A record is kept under its request_id and is authoritative; who changes it
// says which revision it must have. Beside it there is an index from token to
// request_id, written before the record is and deleted after it, so whoever looks
// by token finds what the record says (rule C1). What a crash leaves in the index
// names a record that does not name it back, and so counts as nothing.
package natsregistry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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

// Registry is the record of the connections of all nodes. It is safe for
// concurrent use; calls about one request_id from this process take turns.
type Registry struct {
	kv   jetstream.KeyValue
	node string
	turn turns
	own  roster
}

var _ connection.Registry = (*Registry)(nil)

// Open returns the registry as the node of that name sees it: none of the
// connections that are there already counts as its own until Adopt. With "" there
// is one node only, whatever its name is or was, and all connections are its own.
func Open(ctx context.Context, broker *natsbroker.Broker, node string) (*Registry, error) {
	kv, err := broker.Bucket(ctx, bucket, -1)
	if err != nil {
		return nil, err
	}
	return &Registry{kv: kv, node: node, own: newRoster(), turn: newTurns()}, nil
}

// record is what the bucket holds for a request_id.
type record struct {
	Token connection.Token `json:"token"`
	Node  string           `json:"node"`
}

// Put implements connection.Registry. When it fails for another reason than a
// taken token, nobody knows whether the record was written.
func (r *Registry) Put(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	defer r.turn.take(c.RequestID)()
	if err := r.claim(ctx, c); err != nil {
		return connection.Connection{}, err
	}
	// The roster comes first: news from another node that has replaced c already
	// must find it there.
	_, known := r.own.get(c.Token)
	if r.owns(c) {
		r.own.add(c)
	}
	before, err := r.set(ctx, c)
	if err != nil {
		if !known {
			r.own.remove(c.Token)
		}
		return connection.Connection{}, fmt.Errorf("registry: %w", err)
	}
	if before.Token != "" && before.Token != c.Token {
		r.own.remove(before.Token)
		r.release(ctx, before)
	}
	return before, nil
}

func (r *Registry) owns(c connection.Connection) bool { return r.node == "" || r.node == c.Node }

// claim puts c's token into the index. Errors: connection.ErrTokenTaken.
func (r *Registry) claim(ctx context.Context, c connection.Connection) error {
	key := tokenKey(c.Token)
	for {
		_, err := r.kv.Create(ctx, key, []byte(c.RequestID))
		if !natsbroker.Conflict(err) {
			return err
		}
		entry, err := r.kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // released meanwhile
		}
		if err != nil {
			return err
		}
		owner := connection.RequestID(entry.Value())
		if owner == c.RequestID {
			return nil
		}
		other, _, err := r.get(ctx, owner)
		if err != nil {
			return err
		}
		if other.Token == c.Token {
			return connection.ErrTokenTaken
		}
		if _, err = r.kv.Update(ctx, key, []byte(c.RequestID), entry.Revision()); !natsbroker.Conflict(err) {
			return err // nil: the entry was left over
		}
	}
}

// set makes c the record of its request_id and returns what was there before.
func (r *Registry) set(ctx context.Context, c connection.Connection) (before connection.Connection, err error) {
	text, err := json.Marshal(record{Token: c.Token, Node: c.Node})
	if err != nil {
		return before, err
	}
	for {
		var revision uint64
		if before, revision, err = r.get(ctx, c.RequestID); err != nil || before == c {
			return before, err
		}
		if revision == 0 {
			_, err = r.kv.Create(ctx, recordKey(c.RequestID), text)
		} else {
			_, err = r.kv.Update(ctx, recordKey(c.RequestID), text, revision)
		}
		if !natsbroker.Conflict(err) {
			return before, err
		}
	}
}

// get returns the record of a request_id and its revision, or nothing and 0.
func (r *Registry) get(ctx context.Context, id connection.RequestID) (connection.Connection, uint64, error) {
	entry, err := r.kv.Get(ctx, recordKey(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return connection.Connection{}, 0, nil
	}
	if err != nil {
		return connection.Connection{}, 0, err
	}
	c, err := decode(id, entry.Value())
	return c, entry.Revision(), err
}

func decode(id connection.RequestID, text []byte) (connection.Connection, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return connection.Connection{}, fmt.Errorf("record of %s: %w", id, err)
	}
	return connection.Connection{RequestID: id, Token: r.Token, Node: r.Node}, nil
}

// release takes a token out of the index unless it is another's by now. If that
// fails the entry stays, and counts as nothing.
func (r *Registry) release(ctx context.Context, c connection.Connection) {
	entry, err := r.kv.Get(ctx, tokenKey(c.Token))
	if err == nil && string(entry.Value()) == string(c.RequestID) {
		_ = r.drop(ctx, tokenKey(c.Token), entry.Revision())
	}
}

// drop deletes a key if it is still at that revision.
func (r *Registry) drop(ctx context.Context, key string, revision uint64) error {
	return r.kv.Purge(ctx, key, jetstream.LastRevision(revision), jetstream.PurgeTTL(natsbroker.MarkerTTL))
}

func recordKey(id connection.RequestID) string { return natsbroker.Key(byRequestID, string(id)) }

// tokenKey does not show the token, which is a secret and of any length.
func tokenKey(token connection.Token) string {
	return natsbroker.Key(byToken, natsbroker.Digest(string(token)))
}
