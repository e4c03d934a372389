package cluster

import "time"

// Identity says which node this is, and which build of the program runs there.
type Identity struct {
	Node string
	// Version and Revision are the build's; "" where they are not known.
	Version, Revision string
	// Started is the node's clock when the process started.
	Started time.Time
}
