// Package memregistry implements connection.Registry in memory.
//
// It keeps two tables, each cut into shards with a mutex of their own: the
// records by request_id, which are authoritative, and an index from token to
// request_id. A token is in the index from before its record is set until after
// the record is gone, so a look-up by token finds what the record says
// (rule C1).
//
// Lock order: a shard of the records, then a shard of the index or the viewers. No
// goroutine holds two shards of one table.
package memregistry

import (
	"context"
	"hash/maphash"
	"iter"
	"sync/atomic"
	"time"

	"heliograph/adapters/internal/viewers"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

var (
	_ connection.Registry = (*Registry)(nil)
	_ connection.Roster   = (*Registry)(nil)
)

// Registry is the record of all connections of this process. It keeps the
// strings that it is given: clone those that are part of a larger text first, so that
// it does not keep that text in memory.
type Registry struct {
	seed    maphash.Seed
	count   atomic.Int64
	records [shards]shard[connection.RequestID, connection.Connection]
	index   [shards]shard[connection.Token, connection.RequestID]
	viewers viewers.Connections
}

// New returns an empty Registry.
func New() *Registry {
	r := &Registry{seed: maphash.MakeSeed()}
	for i := range shards {
		r.records[i].entries = make(map[connection.RequestID]connection.Connection)
		r.index[i].entries = make(map[connection.Token]connection.RequestID)
	}
	return r
}

// Put implements connection.Registry.
func (r *Registry) Put(_ context.Context, c connection.Connection) (connection.Connection, error) {
	records := r.recordsOf(c.RequestID)
	records.mu.Lock()
	defer records.mu.Unlock()

	before, known := records.entries[c.RequestID]
	if c.Principal != nil && !c.MayReplace(before, time.Now()) {
		return connection.Connection{}, connection.ErrRequestIDTaken
	}
	if !r.claim(c.Token, c.RequestID) {
		return connection.Connection{}, connection.ErrTokenTaken
	}
	records.entries[c.RequestID] = c
	r.viewers.Add(c)
	switch {
	case !known:
		r.count.Add(1)
	case before.Token != c.Token:
		r.viewers.Remove(before.Token)
		r.indexOf(before.Token).remove(before.Token)
	}
	return before, nil
}

// PutNew implements connection.Registry.
func (r *Registry) PutNew(_ context.Context, c connection.Connection) (connection.Connection, error) {
	records := r.recordsOf(c.RequestID)
	records.mu.Lock()
	defer records.mu.Unlock()

	if there, known := records.entries[c.RequestID]; known {
		return there, nil
	}
	if !r.claim(c.Token, c.RequestID) {
		return connection.Connection{}, connection.ErrTokenTaken
	}
	records.entries[c.RequestID] = c
	r.viewers.Add(c)
	r.count.Add(1)
	return connection.Connection{}, nil
}

// Renew implements connection.Registry.
func (r *Registry) Renew(_ context.Context, c connection.Connection) error {
	records := r.recordsOf(c.RequestID)
	records.mu.Lock()
	defer records.mu.Unlock()
	if there, known := records.entries[c.RequestID]; !known || !there.Same(c) {
		return connection.ErrNotFound
	}
	records.entries[c.RequestID] = c
	return nil
}

// Remove implements connection.Registry.
func (r *Registry) Remove(_ context.Context, token connection.Token) (connection.Connection, error) {
	id, known := r.indexOf(token).get(token)
	if !known {
		return connection.Connection{}, connection.ErrNotFound
	}
	records := r.recordsOf(id)
	records.mu.Lock()
	defer records.mu.Unlock()

	c, known := records.entries[id]
	if !known || c.Token != token {
		return connection.Connection{}, connection.ErrNotFound
	}
	delete(records.entries, id)
	r.viewers.Remove(token)
	r.indexOf(token).remove(token)
	r.count.Add(-1)
	return c, nil
}

// ByRequestID implements connection.Registry.
func (r *Registry) ByRequestID(_ context.Context, id connection.RequestID) (connection.Connection, error) {
	c, known := r.recordsOf(id).get(id)
	if !known {
		return connection.Connection{}, connection.ErrNotFound
	}
	return c, nil
}

// ByToken implements connection.Registry.
func (r *Registry) ByToken(_ context.Context, token connection.Token) (connection.Connection, error) {
	c, known := r.byToken(token)
	if !known {
		return connection.Connection{}, connection.ErrNotFound
	}
	return c, nil
}

func (r *Registry) byToken(token connection.Token) (c connection.Connection, known bool) {
	id, known := r.indexOf(token).get(token)
	if !known {
		return c, false
	}
	c, known = r.recordsOf(id).get(id)
	if !known || c.Token != token { // replaced or removed since
		return connection.Connection{}, false
	}
	return c, true
}

// Count implements connection.Roster.
func (r *Registry) Count() int { return int(r.count.Load()) }

// All implements connection.Roster. It copies one shard at a time.
func (r *Registry) All() iter.Seq[connection.Connection] {
	return func(yield func(connection.Connection) bool) {
		var batch []connection.Connection
		for i := range r.records {
			batch = r.records[i].appendTo(batch[:0])
			for _, c := range batch {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// In implements connection.Roster.
func (r *Registry) In(a *access.Audience) iter.Seq[connection.Connection] {
	return r.viewers.In(a, r.lookups())
}

// Single implements connection.Roster.
func (r *Registry) Single() iter.Seq[connection.Connection] { return r.viewers.Single(r.lookups()) }

func (r *Registry) lookups() viewers.Registry {
	return viewers.Registry{All: r.All, ByToken: r.byToken, ByID: func(id connection.RequestID) []connection.Connection {
		if c, known := r.recordsOf(id).get(id); known {
			return []connection.Connection{c}
		}
		return nil
	}}
}

// claim puts token into the index for id, and returns false if another request_id has
// it, whose entry stays.
func (r *Registry) claim(token connection.Token, id connection.RequestID) bool {
	index := r.indexOf(token)
	index.mu.Lock()
	defer index.mu.Unlock()
	if owner, taken := index.entries[token]; taken {
		return owner == id
	}
	index.entries[token] = id
	return true
}

func (r *Registry) recordsOf(id connection.RequestID) *shard[connection.RequestID, connection.Connection] {
	return &r.records[maphash.String(r.seed, string(id))%shards]
}

func (r *Registry) indexOf(token connection.Token) *shard[connection.Token, connection.RequestID] {
	return &r.index[maphash.String(r.seed, string(token))%shards]
}
