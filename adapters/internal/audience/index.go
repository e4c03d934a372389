package audience

import (
	"iter"
	"slices"

	"heliograph/domain/access"
)

// Index finds members by the keys that they have. Its zero value is empty.
type Index[V any] struct {
	groups   map[access.Key]*group[V]
	searches uint64 // so far
}

// group holds the members that have one key, in no order.
type group[V any] struct {
	key     access.Key
	members []*Member[V]
}

// Member is a value in an Index.
type Member[V any] struct {
	value  V
	places []place[V]
	found  uint64 // the number of the last search that has found it
}

// place is where a member is in one of its groups.
type place[V any] struct {
	group *group[V]
	index int
}

// Add adds a member that has the keys. A key that is there twice counts once.
func (x *Index[V]) Add(value V, keys []access.Key) *Member[V] {
	m := &Member[V]{value: value, places: make([]place[V], 0, len(keys))}
	for _, key := range keys {
		g := x.group(key)
		if slices.ContainsFunc(m.places, func(p place[V]) bool { return p.group == g }) {
			continue
		}
		m.places = append(m.places, place[V]{group: g, index: len(g.members)})
		g.members = append(g.members, m)
	}
	return m
}

// group returns the group of a key, and makes it if there is none.
func (x *Index[V]) group(key access.Key) *group[V] {
	g := x.groups[key]
	if g == nil {
		if x.groups == nil {
			x.groups = make(map[access.Key]*group[V])
		}
		g = &group[V]{key: key}
		x.groups[key] = g
	}
	return g
}

// Remove removes a member, and the keys that nobody else has. A second time it does
// nothing.
func (x *Index[V]) Remove(m *Member[V]) {
	for _, p := range m.places {
		p.group.remove(p.index)
		if len(p.group.members) == 0 {
			delete(x.groups, p.group.key)
		}
	}
	m.places = nil
}

// remove puts the last member into the place of the one that goes.
func (g *group[V]) remove(index int) {
	end := len(g.members) - 1
	last := g.members[end]
	g.members[index] = last
	last.places[slices.IndexFunc(last.places, func(p place[V]) bool { return p.group == g })].index = index
	g.members[end] = nil
	g.members = g.members[:end]
	if len(g.members) < cap(g.members)/4 { // a group that was large once keeps no memory for it
		g.members = slices.Clone(g.members)
	}
}

// Find yields each member that has one of the keys, once and in no order. It costs the
// number of keys and of members. The loop's body must not change the index.
func (x *Index[V]) Find(keys []access.Key) iter.Seq[V] {
	return func(yield func(V) bool) {
		x.searches++
		for _, key := range keys {
			g := x.groups[key]
			if g == nil {
				continue
			}
			for _, m := range g.members {
				if m.found == x.searches {
					continue
				}
				m.found = x.searches
				if !yield(m.value) {
					return
				}
			}
		}
	}
}

// Keys returns how many keys there are.
func (x *Index[V]) Keys() int { return len(x.groups) }
