package tasklist

import (
	"iter"
	"slices"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// group has tasks that the same viewers see.
type group struct {
	all       ordered
	unsettled ordered // few, and read whenever a stream connects
}

func (g *group) insert(t *task.Task) {
	g.all.insert(t)
	if !t.Settled() {
		g.unsettled.insert(t)
	}
}

func (g *group) remove(t *task.Task) {
	g.all.remove(t)
	g.unsettled.remove(t)
}

// settle is called with a task in the group whose Settled has changed.
func (g *group) settle(t *task.Task) {
	if t.Settled() {
		g.unsettled.remove(t)
	} else {
		g.unsettled.insert(t)
	}
}

// candidates returns the list that has what q selects.
func (g *group) candidates(q task.Query) ordered {
	if q.Unfinished || q.Unsettled {
		return g.unsettled
	}
	return g.all
}

// indexes has tasks by the keys of their audiences and by their owners, so that a list
// for a viewer or of an owner costs what it has, however much there is beside. While every
// task is for everyone and has no owner, there is one group, which is all of them.
type indexes struct {
	everything group
	byKey      map[access.Key]*group // without KeyOfAll; nil while there is only that
}

// keyOfOwner is the kind of key that the tasks of an owner have.
const keyOfOwner access.KeyKind = 1<<8 - 1

func ownerKey(owner string) access.Key { return access.Key{Kind: keyOfOwner, Name: owner} }

// of yields the groups of t.
func (s *indexes) of(t *task.Task) iter.Seq2[access.Key, *group] {
	return func(yield func(access.Key, *group) bool) {
		if !yield(access.Key{Kind: access.KeyOfAll}, &s.everything) || s.byKey == nil {
			return
		}
		for _, key := range t.Audience.Keys() {
			if key.Kind != access.KeyOfAll && !yield(key, s.byKey[key]) {
				return
			}
		}
		if key := ownerKey(t.Owner); t.Owner != "" {
			yield(key, s.byKey[key])
		}
	}
}

func (s *indexes) insert(t *task.Task) {
	if s.byKey == nil && (t.Audience != nil || t.Owner != "") {
		s.byKey = map[access.Key]*group{
			{Kind: access.KeyOfEveryone}: {all: slices.Clone(s.everything.all), unsettled: slices.Clone(s.everything.unsettled)},
		}
	}
	for key, g := range s.of(t) {
		if g == nil {
			g = &group{}
			s.byKey[key] = g
		}
		g.insert(t)
	}
}

func (s *indexes) remove(t *task.Task) {
	for key, g := range s.of(t) {
		if g == nil { // a name that the audience has twice
			continue
		}
		if g.remove(t); len(g.all) == 0 {
			delete(s.byKey, key)
		}
	}
}

func (s *indexes) settle(t *task.Task) {
	for _, g := range s.of(t) {
		g.settle(t)
	}
}

// newestBelow yields what is older than p, newest first, and each once; everything if p
// is zero. It uses the lists up.
func newestBelow(p Place, lists []ordered) iter.Seq[*task.Task] {
	for i := range lists {
		lists[i] = lists[i].below(p)
	}
	return func(yield func(*task.Task) bool) {
		for t := takeNewest(lists); t != nil && yield(t); t = takeNewest(lists) {
		}
	}
}

// seen returns the lists that together have the candidates for q. None of them is
// empty.
func (s *indexes) seen(q task.Query) (lists []ordered) {
	add := func(g *group) {
		if g == nil {
			return
		}
		if x := g.candidates(q); len(x) > 0 {
			lists = append(lists, x)
		}
	}
	switch {
	case q.Viewer != nil:
	case q.Owner != "":
		add(s.byKey[ownerKey(q.Owner)])
		return lists
	default:
		add(&s.everything)
		return lists
	}
	for _, key := range q.Viewer.Keys() {
		if key.Kind == access.KeyOfAll || key.Kind == access.KeyOfEveryone && s.byKey == nil {
			add(&s.everything)
		} else {
			add(s.byKey[key])
		}
	}
	return lists
}

// takeNewest takes the newest task out of the lists, all of which may have it, and
// returns it; nil if they are empty.
func takeNewest(lists []ordered) (newest *task.Task) {
	for _, x := range lists {
		if n := len(x); n > 0 && (newest == nil || byPlace(x[n-1], PlaceOf(newest)) > 0) {
			newest = x[n-1]
		}
	}
	for i, x := range lists {
		if n := len(x); n > 0 && x[n-1] == newest {
			lists[i] = x[:n-1]
		}
	}
	return newest
}
