// Package mempending implements version.Pending in memory: what it holds ends
// with the process (rule V3).
package mempending

import (
	"context"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// Pending holds versions up to a number.
type Pending struct {
	versions *lru.Cache[connection.RequestID, version.Version]
}

var _ version.Pending = (*Pending)(nil)

// New returns a Pending for at most bound versions; fewer than one is an error.
// Memory grows with what is put: bound times the size of a version at most.
func New(bound int) (*Pending, error) {
	versions, err := lru.New[connection.RequestID, version.Version](bound)
	if err != nil {
		return nil, fmt.Errorf("pending versions, at most %d: %w", bound, err)
	}
	return &Pending{versions: versions}, nil
}

// Put implements version.Pending. It never fails.
func (p *Pending) Put(_ context.Context, id connection.RequestID, v version.Version) error {
	p.versions.Add(id, v)
	return nil
}

// Get implements version.Pending. It never fails.
func (p *Pending) Get(_ context.Context, id connection.RequestID) (version.Version, error) {
	v, _ := p.versions.Get(id)
	return v, nil
}
