package natsregistry

import (
	"iter"
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
	mu       sync.RWMutex
	byToken  map[connection.Token]held                   // guarded by mu, as all below
	byID     map[connection.RequestID][]connection.Token // one, or a few while they replace each other
	suspects map[connection.Token]struct{}               // of byToken: the record may name another connection
	unknown  []connection.Connection                     // recorded for this node without being in byToken
}

// held is a connection in the roster.
type held struct {
	connection.Connection

	revision uint64 // of its record, or 0 while it is being put
}

func newRoster() *roster {
	return &roster{
		byToken: make(map[connection.Token]held), byID: make(map[connection.RequestID][]connection.Token),
		suspects: make(map[connection.Token]struct{}),
	}
}

// add puts c in unless its token is there already, and returns what is there.
func (r *roster) add(c connection.Connection) (now connection.Connection, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, known := r.byToken[c.Token]; known {
		return h.Connection, true
	}
	r.byToken[c.Token] = held{Connection: c}
	r.byID[c.RequestID] = append(r.byID[c.RequestID], c.Token)
	return c, false
}

// setRevision notes the revision of c's record, and reports whether c is still
// there.
func (r *roster) setRevision(c connection.Connection, revision uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, known := r.holdsLocked(c)
	if known {
		h.revision = revision
		r.byToken[c.Token] = h
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

func (r *roster) removeLocked(token connection.Token) (h held, known bool) {
	h, known = r.byToken[token]
	if !known {
		return h, false
	}
	delete(r.byToken, token)
	delete(r.suspects, token)
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
