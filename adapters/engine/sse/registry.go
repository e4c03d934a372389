package sse

import (
	"maps"
	"slices"

	"heliograph/adapters/engine/sse/transport"
	"heliograph/domain/access"
	"heliograph/domain/connection"
)

// Client is what a stream's client says when it connects.
type Client struct {
	// Name is the client's own name for its stream; "" is none. A client that
	// connects again under it replaces its stream, and does not count as one more.
	Name string
	// LastEventID is the ID of the last event that the client got; "" if it sent none.
	LastEventID string
	// Viewer is what the stream may see beside what is for its Name, which is its
	// RequestID. The zero Viewer sees what is for everyone.
	Viewer access.Viewer
}

// registry holds the streams. It is guarded by Engine.mu.
type registry struct {
	limit   int // 0 is no bound
	byToken map[connection.Token]*Stream
	names   names // nothing without a bound
}

func newRegistry(limit int) registry {
	return registry{limit: limit, byToken: make(map[connection.Token]*Stream)}
}

// add adds a stream, for which full said that there is room.
func (r *registry) add(s *Stream) {
	r.byToken[s.token] = s
	if r.limit > 0 {
		r.names.add(s)
	}
}

// remove removes a stream, and reports whether it was there.
func (r *registry) remove(s *Stream) bool {
	if r.byToken[s.token] != s {
		return false
	}
	delete(r.byToken, s.token)
	r.names.remove(s)
	return true
}

// all returns the streams in no order.
func (r *registry) all() []*Stream {
	return slices.AppendSeq(make([]*Stream, 0, len(r.byToken)), maps.Values(r.byToken))
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

// remove forgets s. If it was refused, or has gone first, the stream that it was to
// replace is the newest of the name again.
func (n *names) remove(s *Stream) {
	switch s {
	case n.before[s.name]:
		delete(n.before, s.name)
	case n.newest[s.name]:
		delete(n.newest, s.name)
		if before := n.before[s.name]; before != nil {
			n.newest[s.name] = before
			delete(n.before, s.name)
		}
	}
}

// full reports whether the limit leaves no room for s. A stream that replaces
// another does not count: the other one ends in a moment or, if its client is dead, a
// while later; so a name has two streams at most. When a third comes, the older of the
// two is cut off, but only if its last event is queued: then the service has decided to
// end it, and it was not only a client that used the name.
func (r *registry) full(s *Stream) bool {
	if r.limit == 0 || len(r.byToken) < r.limit {
		return false
	}
	if r.names.newest[s.name] == nil {
		return true
	}
	before := r.names.before[s.name]
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
