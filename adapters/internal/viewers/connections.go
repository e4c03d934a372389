// Package viewers finds those connections of a registry that an audience is for, without
// a look at all others (rule A12).
package viewers

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"heliograph/adapters/internal/audience"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// Connections finds those connections of a registry that an audience is for. It keeps only
// those that have a principal: any other sees what is for everyone and for its
// request_id, by which registries find it. Its zero value is empty. It is safe for
// concurrent use, and calls nothing under its lock, so registries may call Add and Remove
// under theirs.
type Connections struct {
	count atomic.Int64 // of members: nothing is locked while there are none

	mu      sync.Mutex
	index   audience.Index[connection.Token]                        // guarded by mu, as all below
	members map[connection.Token]*audience.Member[connection.Token] // of index
	single  map[connection.Token]struct{}                           // those that see one task only
}

// Registry is what Connections has to ask a registry.
type Registry struct {
	All     func() iter.Seq[connection.Connection]
	ByToken func(connection.Token) (c connection.Connection, known bool)
	ByID    func(connection.RequestID) []connection.Connection
}

// Add puts c in, or changes what it is found by if it is there.
func (x *Connections) Add(c connection.Connection) {
	if c.Principal == nil {
		x.Remove(c.Token)
		return
	}
	v := c.Viewer()
	v.RequestID = ""
	keys := slices.DeleteFunc(v.Keys(), func(k access.Key) bool { return k.Kind == access.KeyOfEveryone })
	x.mu.Lock()
	defer x.mu.Unlock()
	x.removeLocked(c.Token)
	if x.members == nil {
		x.members, x.single = make(map[connection.Token]*audience.Member[connection.Token]), make(map[connection.Token]struct{})
	}
	x.members[c.Token] = x.index.Add(c.Token, keys)
	x.count.Add(1)
	if v.Single {
		x.single[c.Token] = struct{}{}
	}
}

// Remove takes out the connection of a token, if it is there.
func (x *Connections) Remove(token connection.Token) {
	if x.count.Load() == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.removeLocked(token)
}

func (x *Connections) removeLocked(token connection.Token) {
	if m := x.members[token]; m != nil {
		x.index.Remove(m)
		delete(x.members, token)
		x.count.Add(-1)
		delete(x.single, token)
	}
}

// In yields what connection.Roster.In does.
func (x *Connections) In(a *access.Audience, r Registry) iter.Seq[connection.Connection] {
	return func(yield func(connection.Connection) bool) {
		for c := range x.candidates(a, r) {
			if a.Includes(c.Viewer()) && !yield(c) {
				return
			}
		}
	}
}

// Single yields what connection.Roster.Single does.
func (x *Connections) Single(r Registry) iter.Seq[connection.Connection] {
	return func(yield func(connection.Connection) bool) {
		x.mu.Lock()
		tokens := slices.Collect(maps.Keys(x.single))
		x.mu.Unlock()
		for _, token := range tokens {
			if c, known := r.ByToken(token); known && !yield(c) {
				return
			}
		}
	}
}

// candidates yields all that may be in the audience, each once.
func (x *Connections) candidates(a *access.Audience, r Registry) iter.Seq[connection.Connection] {
	if a == nil {
		return r.All()
	}
	return func(yield func(connection.Connection) bool) {
		byID := make(map[connection.Token]struct{})
		for _, id := range a.RequestIDs {
			for _, c := range r.ByID(connection.RequestID(id)) {
				if _, again := byID[c.Token]; again {
					continue
				}
				byID[c.Token] = struct{}{}
				if !yield(c) {
					return
				}
			}
		}
		x.mu.Lock()
		tokens := slices.Collect(x.index.Find(a.Keys()))
		x.mu.Unlock()
		for _, token := range tokens {
			if _, again := byID[token]; again {
				continue
			}
			if c, known := r.ByToken(token); known && !yield(c) {
				return
			}
		}
	}
}
