package httpsender

import (
	"sync"

	"heliograph/domain/connection"
)

// delays counts events that have to wait for a gateway that is away as failed, and
// names their connections for the log (rules E6, M1). It is safe for concurrent use,
// but for the messages: add is called by one goroutine at a time.
type delays struct {
	roster connection.Roster
	count  func(m *message, connections int)

	mu     sync.Mutex
	tokens []connection.Token // of events for some streams; guarded by mu
	all    bool               // an event for everyone has to wait; guarded by mu
	named  bool               // and that is in the log; guarded by mu
}

// add counts m as failed, once: not again when it leaves after all.
func (d *delays) add(m *message) {
	if m.late || m.ev.Control() {
		return
	}
	n := connections(d.roster, m)
	if n == 0 {
		return
	}
	d.count(m, n)
	m.late = true
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case m.private():
		d.tokens = append(d.tokens, m.token)
	case m.audience == nil:
		d.all = true
	default:
		for c := range d.roster.In(m.audience) {
			d.tokens = append(d.tokens, c.Token)
		}
	}
}

// lost counts m, which was given up.
func (d *delays) lost(m *message) { d.count(m, connections(d.roster, m)) }

// take returns the connections whose events had to wait since the last call. What goes
// to all names all only once while the gateway is away.
func (d *delays) take() (tokens []connection.Token) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tokens, d.tokens = d.tokens, nil
	if !d.all || d.named {
		return tokens
	}
	d.named = true
	for c := range d.roster.All() {
		tokens = append(tokens, c.Token)
	}
	return tokens
}

// end says that the gateway is back.
func (d *delays) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all, d.named = false, false
}
