package cluster

import "time"

//go:generate go tool mockgen -typed -source=roll.go -destination=../../test/mocks/roll.go -package=mocks

// Sign is what a node knows of a node of the cluster, itself included, by its newest sign of life.
type Sign struct {
	Identity

	// Age is how long ago the sign was seen, by the clock of the node that says so.
	Age time.Duration
	// Alive and Leads are as in Nodes.
	Alive, Leads bool
	// Left says that its last sign was to say that it stops.
	Left bool
}

// Roll is the driven port to the nodes of the cluster for people: those that live, and for a while
// those that have ended while this node looked. It is safe for concurrent use, never waits and cannot
// fail.
type Roll interface {
	// Signs returns what is known of each node, sorted by name. This node is among them.
	Signs() []Sign
}
