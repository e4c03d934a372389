package natsregistry

import (
	"iter"
	"slices"
	"sync"

	"heliograph/adapters/internal/viewers"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

var _ connection.Roster = (*Registry)(nil)

// Count implements connection.Roster.
func (r *Registry) Count() int { return r.own.count() }

// All implements connection.Roster. It copies the list.
func (r *Registry) All() iter.Seq[connection.Connection] { return slices.Values(r.own.list()) }

// In implements connection.Roster.
func (r *Registry) In(a *access.Audience) iter.Seq[connection.Connection] {
	return r.own.viewers.In(a, r.own.lookups())
}

// Single implements connection.Roster.
func (r *Registry) Single() iter.Seq[connection.Connection] {
	return r.own.viewers.Single(r.own.lookups())
}

// roster holds this node's own connections. It is safe for concurrent use.
type roster struct {
	node    string // this node's name; "": all connections are its own
	viewers viewers.Connections
	writes  writes

	mu         sync.RWMutex                                // is locked before that of writes
	byToken    map[connection.Token]held                   // guarded by mu, as all below
	byID       map[connection.RequestID][]connection.Token // one, or a few while they replace each other
	mismatches mismatches
}

// held is a connection in the roster.
type held struct {
	connection.Connection

	revision uint64 // of its record, or 0 while it is being put
}

func newRoster(node string) *roster {
	r := &roster{
		node: node, writes: writes{underWay: make(map[identity]int)},
		byToken: make(map[connection.Token]held), byID: make(map[connection.RequestID][]connection.Token),
	}
	r.mismatches = mismatches{own: r, suspects: make(map[connection.Token]struct{})}
	return r
}

// owns reports whether c belongs to this node.
func (r *roster) owns(c connection.Connection) bool { return r.node == "" || r.node == c.Node }

// ended reports whether c, as a record says, is none, or one of this node's that
// has ended.
func (r *roster) ended(c connection.Connection) bool {
	return c.Token == "" || r.owns(c) && !r.has(c)
}

// add puts c in, before its record is written: a change by another node that has
// replaced c already must find it there. It reports whether c was there. Errors:
// connection.ErrTokenTaken.
func (r *roster) add(c connection.Connection) (known bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch h, known := r.byToken[c.Token]; {
	case known && h.RequestID != c.RequestID:
		return true, connection.ErrTokenTaken
	case known:
		return true, nil
	}
	r.addLocked(c)
	return false, nil
}

// addOrphan is add for a connection of which only the record is known. It reports false if c
// is there, or its record says nothing, because this node is about to write or delete it.
func (r *roster) addOrphan(c connection.Connection) (added bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.byToken[c.Token]; known || r.writes.pending(c) {
		return false
	}
	r.addLocked(c)
	return true
}

func (r *roster) addLocked(c connection.Connection) {
	r.byToken[c.Token] = held{Connection: c}
	r.byID[c.RequestID] = append(r.byID[c.RequestID], c.Token)
	r.viewers.Add(c)
}

// undoAdd takes back what add did, and reports whether c has ended since. Then its
// Put counts as done, because its end was counted (rule C9).
func (r *roster) undoAdd(c connection.Connection, known bool) (ended bool) {
	return !known && !r.remove(c)
}

// setRevision notes the revision of c's record, whose principal c has, and reports whether
// c is still there.
func (r *roster) setRevision(c connection.Connection, revision uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, known := r.holdsLocked(c)
	if known && h.revision < revision {
		if h.Principal != c.Principal {
			r.viewers.Add(c)
		}
		r.byToken[c.Token] = held{Connection: c, revision: revision}
	}
	return known
}

// has reports whether c is there.
func (r *roster) has(c connection.Connection) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, known := r.holdsLocked(c)
	return known
}

// holdsLocked returns what is there of c. Its token alone may be in use under
// another request_id since c has ended.
func (r *roster) holdsLocked(c connection.Connection) (h held, known bool) {
	h, known = r.byToken[c.Token]
	return h, known && h.RequestID == c.RequestID
}

// remove takes c out, and reports whether it was there.
func (r *roster) remove(c connection.Connection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.holdsLocked(c)
	if known {
		r.removeLocked(c.Token)
	}
	return known
}

// removeToken takes out the connection that has the token, if there is one.
func (r *roster) removeToken(token connection.Token) (h held, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removeLocked(token)
}

// end is removeToken for a connection that has ended. If its record is known, its deletion
// has begun with that, as by writes.begin.
func (r *roster) end(token connection.Token) (h held, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, known = r.removeLocked(token); known && h.revision > 0 {
		r.writes.begin(h.Connection)
	}
	return h, known
}

func (r *roster) removeLocked(token connection.Token) (h held, known bool) {
	h, known = r.byToken[token]
	if !known {
		return h, false
	}
	delete(r.byToken, token)
	delete(r.mismatches.suspects, token)
	r.viewers.Remove(token)
	tokens := slices.DeleteFunc(r.byID[h.RequestID], func(t connection.Token) bool { return t == token })
	if r.byID[h.RequestID] = tokens; len(tokens) == 0 {
		delete(r.byID, h.RequestID)
	}
	return h, true
}

func (r *roster) get(token connection.Token) (c connection.Connection, known bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h, known := r.byToken[token]
	return h.Connection, known
}

// withID returns the connections of a request_id.
func (r *roster) withID(id connection.RequestID) (found []connection.Connection) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, token := range r.byID[id] {
		found = append(found, r.byToken[token].Connection)
	}
	return found
}

func (r *roster) lookups() viewers.Registry {
	return viewers.Registry{
		All: func() iter.Seq[connection.Connection] { return slices.Values(r.list()) }, ByToken: r.get, ByID: r.withID,
	}
}

func (r *roster) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byToken)
}

func (r *roster) list() []connection.Connection {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]connection.Connection, 0, len(r.byToken))
	for _, h := range r.byToken {
		all = append(all, h.Connection)
	}
	return all
}
