package natsregistry

import (
	"sync"

	"heliograph/domain/connection"
)

// writes counts, for each connection of this node, the calls that write or delete its record,
// and what waits to be deleted: until they are done the record says nothing. It is safe for
// concurrent use.
type writes struct {
	mu       sync.Mutex
	underWay map[identity]int // guarded by mu
}

// identity is what tells one connection of this node from another.
type identity struct {
	id    connection.RequestID
	token connection.Token
}

func identityOf(c connection.Connection) identity { return identity{c.RequestID, c.Token} }

// begin says that the record of c is written or deleted until end is called.
func (w *writes) begin(c connection.Connection) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.underWay[identityOf(c)]++
}

func (w *writes) end(c connection.Connection) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.underWay[identityOf(c)]--; w.underWay[identityOf(c)] == 0 {
		delete(w.underWay, identityOf(c))
	}
}

// pending reports whether one of them is under way for c.
func (w *writes) pending(c connection.Connection) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.underWay[identityOf(c)] > 0
}
