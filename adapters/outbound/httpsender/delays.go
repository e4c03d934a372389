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
	tokens []connection.Token // of private events; guarded by mu
	all    bool               // an event for all has to wait; guarded by mu
	named  bool               // and that is in the log; guarded by mu
}

// add counts m as failed, once: not again when it leaves after all.
func (d *delays) add(m *message) {
	connections := d.audience(m)
	if m.late || m.ev.Control() || connections == 0 {
		return
	}
	d.count(m, connections)
	m.late = true
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.toAll() {
		d.all = true
	} else {
		d.tokens = append(d.tokens, m.token)
	}
}

// lost counts m, which was given up.
func (d *delays) lost(m *message) { d.count(m, d.audience(m)) }

// audience is how many connections m is for.
func (d *delays) audience(m *message) int {
	if m.toAll() {
		return d.roster.Count()
	}
	return 1
}

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
