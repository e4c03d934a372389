package cluster

//go:generate go tool mockgen -typed -source=ports.go -destination=../../test/mocks/cluster.go -package=mocks -mock_names=Nodes=MockClusterNodes

// Nodes is the driven port to the nodes of the cluster, as this one sees them.
//
// A node lives as long as it gives signs. Clocks differ, so each node judges the
// others by how long it has itself not seen a new sign. Two nodes may differ for a
// while; a caller that acts on what is said here must be able to stand that. It is safe
// for concurrent use, never waits and cannot fail.
type Nodes interface {
	// Self is this life of this node.
	Self() Life
	// Alive reports whether a life goes on. Of its own a node says so only if others
	// must believe it too.
	Alive(life Life) bool
	// Alone reports whether there is no other node, and never will be.
	Alone() bool
	// Present returns the names of the nodes of which a life goes on, sorted.
	Present() []string
	// Leads reports whether this node is the one that does what one is to do for
	// all. It lives, and all nodes that live agree after a while.
	Leads() bool
}
