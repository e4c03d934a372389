// Package viewers finds whom an audience is for without a look at everybody else: it
// keeps streams by the keys of what they may see (rule A12).
package viewers

import (
	"slices"

	"heliograph/domain/access"
)

// maxFew is up to how many members a group is a list: most groups are the streams of one
// subject, for which a map would take ten times the memory.
const maxFew = 8

// Index holds members by the keys of their viewers. Its zero value is empty. It is not
// safe for concurrent use.
type Index[M comparable] struct {
	groups map[access.Key]*group[M]
}

// group is what has one key: few members in a list, or many in a map.
type group[M comparable] struct {
	few  []M
	many map[M]struct{}
}

// Add puts m under the keys. Under those that it has already nothing changes.
func (x *Index[M]) Add(m M, keys []access.Key) {
	if x.groups == nil {
		x.groups = make(map[access.Key]*group[M])
	}
	for _, key := range keys {
		g := x.groups[key]
		if g == nil {
			g = &group[M]{few: make([]M, 0, 1)}
			x.groups[key] = g
		}
		g.add(m)
	}
}

// Remove takes m away from under the keys.
func (x *Index[M]) Remove(m M, keys []access.Key) {
	for _, key := range keys {
		if g := x.groups[key]; g != nil && g.remove(m) == 0 {
			delete(x.groups, key)
		}
	}
}

// Find returns the members that are under any of the keys, each once. It costs the number
// of keys and of what it returns.
func (x *Index[M]) Find(keys []access.Key) (found []M) {
	var seen map[M]struct{}
	for _, key := range keys {
		g := x.groups[key]
		switch {
		case g == nil:
		case found == nil:
			found = g.appendTo(nil)
		default:
			if seen == nil {
				seen = make(map[M]struct{}, len(found))
				for _, m := range found {
					seen[m] = struct{}{}
				}
			}
			for _, m := range g.appendTo(nil) {
				if _, again := seen[m]; !again {
					seen[m] = struct{}{}
					found = append(found, m)
				}
			}
		}
	}
	return found
}

func (g *group[M]) add(m M) {
	switch {
	case g.many != nil:
		g.many[m] = struct{}{}
	case slices.Contains(g.few, m):
	case len(g.few) < maxFew:
		g.few = append(g.few, m)
	default:
		g.many = make(map[M]struct{}, len(g.few)+1)
		for _, other := range append(g.few, m) {
			g.many[other] = struct{}{}
		}
		g.few = nil
	}
}

// remove returns how many members are left.
func (g *group[M]) remove(m M) int {
	if g.many != nil {
		delete(g.many, m)
		return len(g.many)
	}
	g.few = slices.DeleteFunc(g.few, func(other M) bool { return other == m })
	return len(g.few)
}

func (g *group[M]) appendTo(list []M) []M {
	list = slices.Grow(list, len(g.few)+len(g.many))
	list = append(list, g.few...)
	for m := range g.many {
		list = append(list, m)
	}
	return list
}
