package natsregistry

import (
	"iter"
	"maps"
	"slices"
	"sync"

	"heliograph/domain/connection"
)

var _ connection.Roster = (*Registry)(nil)

// Count implements connection.Roster.
func (r *Registry) Count() int { return r.own.count() }

// All implements connection.Roster. It copies the list.
func (r *Registry) All() iter.Seq[connection.Connection] { return slices.Values(r.own.list()) }

// roster holds this node's own connections. It is safe for concurrent use.
type roster struct {
	mu      *sync.RWMutex
	byToken map[connection.Token]connection.Connection // guarded by mu
}

func newRoster() roster {
	return roster{mu: &sync.RWMutex{}, byToken: make(map[connection.Token]connection.Connection)}
}

func (r roster) add(c connection.Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byToken[c.Token] = c
}

func (r roster) remove(token connection.Token) (c connection.Connection, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, known = r.byToken[token]
	delete(r.byToken, token)
	return c, known
}

func (r roster) get(token connection.Token) (c connection.Connection, known bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c, known = r.byToken[token]
	return c, known
}

func (r roster) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byToken)
}

func (r roster) list() []connection.Connection {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Values(r.byToken))
}
