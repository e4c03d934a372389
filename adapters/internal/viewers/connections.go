package viewers

import (
	"iter"
	"slices"
	"sync"

	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// Connections finds those connections of a registry that an audience is for. It keeps only
// those that have a principal: any other sees what is for everyone and for its
// request_id, by which registries find it. Its zero value is empty. It is safe for
// concurrent use, and calls nothing under its lock, so registries may call Add and Remove
// under theirs.
type Connections struct {
	mu     sync.RWMutex
	index  Index[connection.Token]           // guarded by mu
	keys   map[connection.Token][]access.Key // of what is in index; guarded by mu
	single map[connection.Token]struct{}     // those that see one task only; guarded by mu
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
	if x.keys == nil {
		x.keys, x.single = make(map[connection.Token][]access.Key), make(map[connection.Token]struct{})
	}
	x.index.Remove(c.Token, x.keys[c.Token])
	x.index.Add(c.Token, keys)
	x.keys[c.Token] = keys
	delete(x.single, c.Token)
	if v.Single {
		x.single[c.Token] = struct{}{}
	}
}

// Remove takes out the connection of a token, if it is there.
func (x *Connections) Remove(token connection.Token) {
	x.mu.RLock()
	_, known := x.keys[token]
	x.mu.RUnlock()
	if !known {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.index.Remove(token, x.keys[token])
	delete(x.keys, token)
	delete(x.single, token)
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
		x.mu.RLock()
		tokens := make([]connection.Token, 0, len(x.single))
		for token := range x.single {
			tokens = append(tokens, token)
		}
		x.mu.RUnlock()
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
		x.mu.RLock()
		tokens := x.index.Find(a.Keys())
		x.mu.RUnlock()
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
