package memnodes

import "heliograph/domain/cluster"

// Roll implements cluster.Roll. It is immutable.
type Roll struct{ self cluster.Identity }

var _ cluster.Roll = Roll{}

// NewRoll returns the cluster of which self is all.
func NewRoll(self cluster.Identity) Roll { return Roll{self: self} }

// Signs implements cluster.Roll.
func (r Roll) Signs() []cluster.Sign {
	return []cluster.Sign{{Identity: r.self, Alive: true, Leads: true}}
}
