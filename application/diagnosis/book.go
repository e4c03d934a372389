// Package diagnosis implements diagnosis.Service: which streams there are on all nodes,
// and what is wrong with one of them (rule W6).
package diagnosis

import (
	"sync"
	"time"

	"heliograph/domain/connection"
)

// Book remembers of the connections of this node what neither the registry nor the
// gateway does. It is safe for concurrent use.
type Book struct {
	mu   sync.Mutex
	open map[connection.Token]*entry // guarded by mu
}

// entry is of one open connection.
type entry struct {
	since   time.Time
	resumed bool // its client brought an ID, which the gateway has passed on
}

// NewBook returns an empty Book.
func NewBook() *Book { return &Book{open: map[connection.Token]*entry{}} }

// Opened implements connections.Book.
func (b *Book) Opened(c connection.Connection, resumed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[c.Token] = &entry{since: time.Now().UTC(), resumed: resumed}
}

// Ended implements connections.Book.
func (b *Book) Ended(c connection.Connection, _ connection.Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, c.Token)
}

// entry is what is remembered of an open connection.
func (b *Book) entry(token connection.Token) (e entry, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there := b.open[token]; there != nil {
		return *there, true
	}
	return entry{}, false
}
