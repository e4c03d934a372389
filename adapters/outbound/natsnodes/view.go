package natsnodes

import (
	"slices"
	"sync"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/cluster"
)

// view is what this node has seen of heartbeats, its own included, and so which nodes
// are alive. It is safe for concurrent use.
type view struct {
	self record
	term time.Duration

	mu            sync.Mutex
	revision      uint64              // of our own record; guarded by mu, as all below
	lastHeartbeat time.Time           // when we sent the newest heartbeat that was taken
	seen          map[string]sighting // by the node's name
	left          map[string]sighting // likewise, of those that said that they stop, and when: for people only
	lastEcho      time.Time           // when we last saw a heartbeat of our own
	hearingSince  time.Time           // since when we have heard without a gap
}

// sighting is when a record changed for the last time.
type sighting struct {
	record

	revision uint64
	at       time.Time
}

// maxLeft is how many nodes that have left are remembered: more than a roll-out stops in the time that
// they are remembered for.
const maxLeft = 100

func newView(self record, term time.Duration) *view {
	return &view{self: self, term: term, seen: make(map[string]sighting), left: make(map[string]sighting)}
}

// heartbeatTaken notes that our own heartbeat was taken, which was sent at that time.
func (v *view) heartbeatTaken(revision uint64, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.revision, v.lastHeartbeat = revision, at
}

// ownRevision is that of our own record, as we left it.
func (v *view) ownRevision() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.revision
}

// note takes a heartbeat, unless it is an old one. It fails if that is no heartbeat of
// the node that has the key.
func (v *view) note(key string, text []byte, revision uint64) error {
	r, err := decode(key, text)
	if err != nil {
		return err
	}
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen[r.Life.Node()].revision >= revision {
		return nil
	}
	v.seen[r.Life.Node()] = sighting{record: r, revision: revision, at: now}
	delete(v.left, r.Life.Node())
	if r.Life == v.self.Life {
		if v.cannotHearSelfLocked(now) {
			v.hearingSince = now
		}
		v.lastEcho = now
	}
	return nil
}

// forget takes out a node whose record was deleted: by itself, or by the leader when it was
// long gone.
func (v *view) forget(node string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, known := v.seen[node]
	if known && v.aliveLocked(s.Life) && s.Life != v.self.Life && len(v.left) < maxLeft {
		s.at = time.Now()
		v.left[node] = s
	}
	delete(v.seen, node)
}

// silent returns the keys of the records that have not changed for longer than that,
// with their revisions.
func (v *view) silent(limit time.Duration) map[string]uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	silent := make(map[string]uint64)
	for name, s := range v.seen {
		if v.silenceLocked(s) > limit {
			silent[natsbroker.Key(name)] = s.revision
		}
	}
	return silent
}

func (v *view) alive(life cluster.Life) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.aliveLocked(life)
}

func (v *view) aliveLocked(life cluster.Life) bool {
	if life == v.self.Life {
		return time.Since(v.lastHeartbeat) <= v.term*2/heartbeats
	}
	s, known := v.seen[life.Node()]
	return known && s.Life == life && v.silenceLocked(s) <= v.term
}

// present returns the names of the nodes that are alive, in order.
func (v *view) present() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var names []string
	for name, s := range v.seen {
		if v.aliveLocked(s.Life) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// cannotHearSelfLocked reports whether our own heartbeats do not come back, so that nothing can
// be said of the others.
func (v *view) cannotHearSelfLocked(now time.Time) bool {
	return now.Sub(v.lastEcho) > v.term*2/heartbeats
}

// silenceLocked is for how long a node sent no heartbeat that we would have heard.
func (v *view) silenceLocked(s sighting) time.Duration {
	now := time.Now()
	if v.cannotHearSelfLocked(now) {
		return 0
	}
	if v.hearingSince.After(s.at) {
		return now.Sub(v.hearingSince)
	}
	return now.Sub(s.at)
}
