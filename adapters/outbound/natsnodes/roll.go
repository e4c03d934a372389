package natsnodes

import (
	"cmp"
	"slices"
	"time"

	"heliograph/domain/cluster"
)

var _ cluster.Roll = (*Nodes)(nil)

// Signs implements cluster.Roll. A node that has ended is there for forty terms more, and of those that said
// so a hundred at most.
func (n *Nodes) Signs() []cluster.Sign { return n.view.signs() }

func (v *view) signs() []cluster.Sign {
	v.mu.Lock()
	defer v.mu.Unlock()
	known := []sighting{{record: v.self, at: v.lastHeartbeat}}
	for name, s := range v.seen {
		if name != v.self.Life.Node() {
			known = append(known, s)
		}
	}
	var leader cluster.Life
	var first record
	all := make([]cluster.Sign, 0, len(known))
	for _, s := range known {
		sign := v.signLocked(s)
		if sign.Alive && (leader == "" || s.before(first)) {
			leader, first = s.Life, s.record
		}
		all = append(all, sign)
	}
	for name, s := range v.left {
		if time.Since(s.at) > deleteAfter*v.term {
			delete(v.left, name)
			continue
		}
		sign := v.signLocked(s)
		sign.Alive, sign.Left = false, true
		all = append(all, sign)
	}
	for i := range all {
		all[i].Leads = leader != "" && all[i].Node == leader.Node()
	}
	slices.SortFunc(all, func(a, b cluster.Sign) int { return cmp.Compare(a.Node, b.Node) })
	return all
}

func (v *view) signLocked(s sighting) cluster.Sign {
	return cluster.Sign{
		Identity: cluster.Identity{Node: s.Life.Node(), Version: s.Version, Revision: s.BuiltFrom, Started: s.Joined},
		Age:      time.Since(s.at), Alive: v.aliveLocked(s.Life),
	}
}
