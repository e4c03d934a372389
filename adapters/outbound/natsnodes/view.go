package natsnodes

import (
	"slices"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/cluster"
)

// onRecordChanged takes what has become of a node's record.
func (n *Nodes) onRecordChanged(c natsbroker.Change) error {
	if !c.Deleted {
		return n.noteRecord(c.Key, c.Value, c.Revision)
	}
	parts, err := natsbroker.Parts(c.Key)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.seen, parts[0])
	return nil
}

// noteRecord takes a heartbeat, unless it is an old one. It fails if that is no heartbeat of the
// node that has the key.
func (n *Nodes) noteRecord(key string, text []byte, revision uint64) error {
	r, err := decode(key, text)
	if err != nil {
		return err
	}
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[r.Life.Node()].revision >= revision {
		return nil
	}
	n.seen[r.Life.Node()] = sighting{record: r, revision: revision, at: now}
	if r.Life == n.self.Life {
		if n.cannotHearSelfLocked(now) {
			n.hearingSince = now
		}
		n.lastEcho = now
	}
	return nil
}

// cannotHearSelfLocked reports whether our own heartbeats do not come back, so that nothing can
// be said of the others.
func (n *Nodes) cannotHearSelfLocked(now time.Time) bool {
	return now.Sub(n.lastEcho) > n.term*2/heartbeats
}

// silenceLocked is for how long a node sent no heartbeat that we would have heard.
func (n *Nodes) silenceLocked(s sighting) time.Duration {
	now := time.Now()
	if n.cannotHearSelfLocked(now) {
		return 0
	}
	if n.hearingSince.After(s.at) {
		return now.Sub(n.hearingSince)
	}
	return now.Sub(s.at)
}

// Self implements cluster.Nodes.
func (n *Nodes) Self() cluster.Life { return n.self.Life }

// Alive implements cluster.Nodes. This life counts as ended a third of a term before the
// others take it for ended.
func (n *Nodes) Alive(life cluster.Life) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.aliveLocked(life)
}

func (n *Nodes) aliveLocked(life cluster.Life) bool {
	if life == n.self.Life {
		return time.Since(n.lastHeartbeat) <= n.term*2/heartbeats
	}
	s, known := n.seen[life.Node()]
	return known && s.Life == life && n.silenceLocked(s) <= n.term
}

// Present implements cluster.Nodes.
func (n *Nodes) Present() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name, s := range n.seen {
		if n.aliveLocked(s.Life) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Leads implements cluster.Nodes: of the nodes that are alive, the one that joined first.
func (n *Nodes) Leads() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.aliveLocked(n.self.Life) {
		return false
	}
	for _, s := range n.seen {
		if s.before(n.self) && n.aliveLocked(s.Life) {
			return false
		}
	}
	return true
}

func (r record) before(other record) bool {
	if !r.Joined.Equal(other.Joined) {
		return r.Joined.Before(other.Joined)
	}
	return r.Life < other.Life
}

// Alone implements cluster.Nodes.
func (*Nodes) Alone() bool { return false }
