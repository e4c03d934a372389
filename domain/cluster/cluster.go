// Package cluster holds the nodes that share a broker: which of them live, and
// which one does what only one has to do.
package cluster

import "strings"

// Life names one life of a node, from a start of its process to the end. It is
// the node's name and something that no other life has.
type Life string

// NewLife returns a life of the node of that name. unique is at least ten random
// characters.
func NewLife(node, unique string) Life { return Life(node + "/" + unique) }

// Node is the name of the node whose life it is; "" for no life.
func (l Life) Node() string {
	i := strings.LastIndexByte(string(l), '/')
	return string(l[:max(i, 0)])
}
