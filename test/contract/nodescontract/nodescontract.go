// Package nodescontract is the contract of cluster.Nodes, as tests.
package nodescontract

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"heliograph/domain/cluster"
)

// waitLimit is much longer than it takes the nodes to agree.
const waitLimit = time.Minute

// Node is one node of the cluster under test, as it sees the others.
type Node struct {
	cluster.Nodes
	cluster.Roll

	// Vanish ends its heartbeats without a word to the others, as when its process
	// hangs; what it says of the cluster can still be asked for.
	Vanish func(t *testing.T)
	// Leave ends it in order.
	Leave func(t *testing.T)
}

// Subject is a cluster without a node.
type Subject struct {
	// Join starts a life of the node of that name, and returns when it has joined.
	Join func(t *testing.T, name string) Node
}

// Option says what a kind of cluster cannot do.
type Option func(*limits)

type limits struct{ oneNode, noVanishing string }

// OneNode says that there never is a second node, and why.
func OneNode(reason string) Option { return func(l *limits) { l.oneNode = reason } }

// NoVanishing says that nodes here can only leave in order, and why.
func NoVanishing(reason string) Option { return func(l *limits) { l.noVanishing = reason } }

// Run tests the clusters that fresh makes, a new one each time.
func Run(t *testing.T, fresh func(t *testing.T) Subject, options ...Option) {
	t.Helper()
	var missing limits
	for _, option := range options {
		option(&missing)
	}
	for _, clause := range []struct {
		sentence string
		test     func(*testing.T, Subject)
		skip     string
	}{
		{"this life has the node's name and goes on", ownLife, ""},
		{"no life that never began goes on", otherLives, ""},
		{"the first node is present and leads", first, ""},
		{"it may be asked from everywhere at once", concurrent, ""},
		{"W7 its own sign has its name, its build and its start, and says that it lives and leads", ownSign, ""},
		{"W7 all nodes are told of by their signs, also one that left", signs, missing.oneNode},
		{"W7 a node that vanishes is told of for a while, and the age of its sign grows", oldSign, missing.oneNode + missing.noVanishing},
		{"only a cluster that never has a second node says that it is alone", neverAlone, missing.oneNode},
		{"a node that joins knows those that are there, and they come to know it", joins, missing.oneNode},
		{"of the nodes exactly one leads, the one that joined first", oneLeads, missing.oneNode},
		{"a node that leaves is gone for the others long before it would be missed, and another leads", leaves, missing.oneNode},
		{"a new life of a node ends the one before", newLife, missing.oneNode},
		{"a node that vanishes is gone for the others, and another leads", vanishes, missing.oneNode + missing.noVanishing},
		{"no node says that a life has ended which says itself that it goes on", neverSooner, missing.oneNode + missing.noVanishing},
	} {
		t.Run(clause.sentence, func(t *testing.T) {
			if clause.skip != "" {
				t.Skip(clause.skip)
			}
			clause.test(t, fresh(t))
		})
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(waitLimit); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// wantPresent waits until all see exactly the nodes of these names, which are sorted.
func wantPresent(t *testing.T, nodes []Node, names ...string) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, fmt.Sprintf("%q sees exactly %q", n.Self(), names), func() bool { return slices.Equal(n.Present(), names) })
	}
}

func ownLife(t *testing.T, s Subject) {
	n := s.Join(t, "a/b c")
	if n.Self().Node() != "a/b c" {
		t.Errorf("%q is the life of %q", n.Self(), n.Self().Node())
	}
	eventually(t, "its life goes on", func() bool { return n.Alive(n.Self()) })
}

func otherLives(t *testing.T, s Subject) {
	n := s.Join(t, "one")
	for _, life := range []cluster.Life{"", "x", "other/1", cluster.NewLife("one", "other")} {
		if n.Alive(life) {
			t.Errorf("%q is alive", life)
		}
	}
}

func first(t *testing.T, s Subject) {
	n := s.Join(t, "one")
	eventually(t, "it is present and leads", func() bool { return n.Leads() && slices.Equal(n.Present(), []string{"one"}) })
}

func concurrent(t *testing.T, s Subject) {
	n := s.Join(t, "one")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				n.Alive(n.Self())
				n.Leads()
				if present := n.Present(); len(present) > 1 {
					t.Errorf("present are %q", present)
				}
			}
		})
	}
	all.Wait()
}

func neverAlone(t *testing.T, s Subject) {
	if s.Join(t, "one").Alone() {
		t.Error("it says that it is alone")
	}
}

func joins(t *testing.T, s Subject) {
	one := s.Join(t, "one")
	two := s.Join(t, "two")
	wantPresent(t, []Node{one, two}, "one", "two")
	eventually(t, "each knows that the other lives, and the first leads", func() bool {
		return one.Alive(two.Self()) && two.Alive(one.Self()) && one.Leads() && !two.Leads()
	})
}

func oneLeads(t *testing.T, s Subject) {
	nodes := []Node{s.Join(t, "two"), s.Join(t, "one"), s.Join(t, "three")}
	wantPresent(t, nodes, "one", "three", "two")
	eventually(t, "the one that joined first leads, and all live for all", func() bool {
		for i, n := range nodes {
			dead := func(other Node) bool { return !n.Alive(other.Self()) }
			if n.Leads() != (i == 0) || slices.ContainsFunc(nodes, dead) {
				return false
			}
		}
		return true
	})
}

func leaves(t *testing.T, s Subject) {
	one, two := s.Join(t, "one"), s.Join(t, "two")
	wantPresent(t, []Node{one, two}, "one", "two")
	one.Leave(t)
	wantPresent(t, []Node{two}, "two")
	if two.Alive(one.Self()) {
		t.Error("its life goes on")
	}
	eventually(t, "the one that stays leads", two.Leads)
}

func newLife(t *testing.T, s Subject) {
	one, two := s.Join(t, "one"), s.Join(t, "two")
	wantPresent(t, []Node{one, two}, "one", "two")
	one.Leave(t)
	again := s.Join(t, "one")
	if again.Self() == one.Self() || again.Alive(one.Self()) {
		t.Errorf("%q and then %q, for which the first is alive: %t", one.Self(), again.Self(), again.Alive(one.Self()))
	}
	eventually(t, "the other node knows the new life", func() bool { return two.Alive(again.Self()) && !two.Alive(one.Self()) })
	wantPresent(t, []Node{again, two}, "one", "two")
	eventually(t, "the node that stayed leads", func() bool { return two.Leads() && !again.Leads() })
}

func vanishes(t *testing.T, s Subject) {
	one, two, three := s.Join(t, "one"), s.Join(t, "two"), s.Join(t, "three")
	wantPresent(t, []Node{one, two, three}, "one", "three", "two")
	one.Vanish(t)
	wantPresent(t, []Node{two, three}, "three", "two")
	eventually(t, "the second leads, and no other", func() bool { return two.Leads() && !three.Leads() && !one.Leads() })
}

// neverSooner is what takeover rests on: what a node still does for its own life must
// not be taken from it.
func neverSooner(t *testing.T, s Subject) {
	one, two := s.Join(t, "one"), s.Join(t, "two")
	wantPresent(t, []Node{one, two}, "one", "two")
	one.Vanish(t)
	eventually(t, "the life has ended for the other node", func() bool { return !two.Alive(one.Self()) })
	if one.Alive(one.Self()) || one.Leads() {
		t.Errorf("it says of itself that it goes on: %t, that it leads: %t", one.Alive(one.Self()), one.Leads())
	}
}

func ownSign(t *testing.T, s Subject) {
	begun := time.Now().Add(-time.Minute)
	n := s.Join(t, "one")
	eventually(t, "its sign says that it lives and leads", func() bool {
		all := n.Signs()
		return len(all) == 1 && all[0].Alive && all[0].Leads && all[0].Node == "one" && all[0].Age < waitLimit
	})
	if own := n.Signs()[0]; own.Version == "" || own.Started.Before(begun) || own.Started.After(time.Now()) {
		t.Errorf("its sign is %+v", own)
	}
}

// names returns the nodes that the signs are of, and the leader.
func names(signs []cluster.Sign) (all []string, leader string) {
	for _, s := range signs {
		all = append(all, s.Node)
		if s.Leads {
			leader += s.Node
		}
	}
	return all, leader
}

func signs(t *testing.T, s Subject) {
	two, one := s.Join(t, "two"), s.Join(t, "one")
	for _, n := range []Node{one, two} {
		eventually(t, "each tells of both", func() bool {
			all, leader := names(n.Signs())
			return slices.Equal(all, []string{"one", "two"}) && leader == "two" && n.Signs()[0].Alive && n.Signs()[1].Version != ""
		})
	}
	two.Leave(t)
	eventually(t, "the one that stays leads, and tells that the other has left", func() bool {
		all, leader := names(one.Signs())
		return slices.Equal(all, []string{"one", "two"}) && leader == "one" && one.Signs()[1].Left && !one.Signs()[1].Alive && !one.Signs()[0].Left
	})
	s.Join(t, "two")
	eventually(t, "it is back", func() bool {
		all := one.Signs()
		return len(all) == 2 && all[1].Alive && !all[1].Left
	})
}

func oldSign(t *testing.T, s Subject) {
	one, two := s.Join(t, "one"), s.Join(t, "two")
	wantPresent(t, []Node{one, two}, "one", "two")
	one.Vanish(t)
	eventually(t, "the other one leads, and tells of the one that vanished", func() bool {
		all, leader := names(two.Signs())
		return slices.Equal(all, []string{"one", "two"}) && leader == "two" && !two.Signs()[0].Alive && two.Signs()[0].Age > two.Signs()[1].Age
	})
}
