// Package memnodes implements cluster.Nodes for a node that is alone.
package memnodes

import "heliograph/domain/cluster"

// Nodes is the one node. It is immutable.
type Nodes struct{ self cluster.Life }

var _ cluster.Nodes = Nodes{}

// New returns the cluster of which self is all.
func New(self cluster.Life) Nodes { return Nodes{self: self} }

// Self implements cluster.Nodes.
func (n Nodes) Self() cluster.Life { return n.self }

// Alive implements cluster.Nodes.
func (n Nodes) Alive(life cluster.Life) bool { return life == n.self }

// Present implements cluster.Nodes.
func (n Nodes) Present() []string { return []string{n.self.Node()} }

// Leads implements cluster.Nodes.
func (n Nodes) Leads() bool { return true }

// Alone implements cluster.Nodes.
func (n Nodes) Alone() bool { return true }
