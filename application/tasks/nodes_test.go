package tasks_test

import (
	"strconv"
	"sync/atomic"

	"heliograph/domain/cluster"
)

// node is a cluster.Nodes: one node, as it sees itself and the others.
type node struct {
	self   cluster.Life
	dead   atomic.Bool
	alone  bool
	others []*node
}

var lives atomic.Int64

// newNode returns a new life of the node of that name.
func newNode(name string, others ...*node) *node {
	return &node{self: cluster.NewLife(name, strconv.FormatInt(lives.Add(1), 36)), others: others}
}

func (n *node) Self() cluster.Life { return n.self }

func (n *node) Alive(life cluster.Life) bool {
	if life == n.self {
		return !n.dead.Load()
	}
	for _, other := range n.others {
		if other.self == life {
			return !other.dead.Load()
		}
	}
	return false
}

func (n *node) Alone() bool { return n.alone }

func (n *node) Present() []string { return nil }

func (n *node) Leads() bool { return !n.dead.Load() }
