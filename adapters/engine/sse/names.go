package sse

import "heliograph/adapters/engine/sse/transport"

// Client is what a stream's client says when it connects.
type Client struct {
	// Name is the client's own name for its stream; "" is none. A client that
	// connects again under it replaces its stream, and does not count as one more.
	Name string
	// LastEventID is the ID of the last event that the client got; "" if it sent none.
	LastEventID string
}

// names are the streams by their clients' names, of engines that bound the number
// of streams. Its zero value is ready. It is guarded by Engine.mu.
type names struct {
	newest map[string]*Stream // of each name
	before map[string]*Stream // the one that newest has replaced, while it is open
}

// add makes s the newest of its name.
func (n *names) add(s *Stream) {
	if s.name == "" {
		return
	}
	if n.newest == nil {
		n.newest, n.before = make(map[string]*Stream), make(map[string]*Stream)
	}
	if old := n.newest[s.name]; old != nil {
		n.before[s.name] = old
	}
	n.newest[s.name] = s
}

// remove forgets s.
func (n *names) remove(s *Stream) {
	for _, m := range []map[string]*Stream{n.newest, n.before} {
		if m[s.name] == s {
			delete(m, s.name)
		}
	}
}

// fullLocked reports whether the limit leaves no room for s. A stream that replaces
// another does not count: the other one ends in a moment or, if its client is dead, a
// while later; so a name has two streams at most. When a third comes, the older of the
// two is cut off, but only if its last event is queued: then the service has decided to
// end it, and it was not only a client that used the name.
func (e *Engine) fullLocked(s *Stream) bool {
	if e.cfg.MaxStreams == 0 || len(e.streams) < e.cfg.MaxStreams {
		return false
	}
	if e.names.newest[s.name] == nil {
		return true
	}
	before := e.names.before[s.name]
	if before == nil {
		return false
	}
	if !before.ending() {
		return true
	}
	before.end(transport.ErrEnded)
	return false
}

// ending reports whether the stream's last event waits to be written.
func (s *Stream) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.verdict != nil || s.queue != nil && s.queue.final
}
