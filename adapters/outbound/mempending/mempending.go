// Package mempending implements version.Pending in memory: what it holds ends
// with the process (rule V3).
package mempending

import (
	"context"
	"fmt"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"heliograph/domain/connection"
	"heliograph/domain/version"
)

// Pending holds versions up to a number and a size. It is safe for concurrent use.
type Pending struct {
	maxBytes int

	mu       sync.Mutex
	versions *lru.LRU[connection.RequestID, version.Version] // guarded by mu
	bytes    int                                             // of all payloads; guarded by mu
}

var _ version.Pending = (*Pending)(nil)

// New returns a Pending for at most maxCount versions with payloads of at most maxBytes
// in total, except that the newest is kept however large it is. A limit below 1 is an
// error.
func New(maxCount, maxBytes int) (*Pending, error) {
	if min(maxCount, maxBytes) < 1 {
		return nil, fmt.Errorf("pending versions: limits of %d versions and %d bytes: both must be at least 1", maxCount, maxBytes)
	}
	p := &Pending{maxBytes: maxBytes}
	versions, err := lru.NewLRU(maxCount, func(_ connection.RequestID, v version.Version) { p.bytes -= len(v.Payload()) })
	p.versions = versions
	return p, err
}

// Put implements version.Pending. It never fails.
func (p *Pending) Put(_ context.Context, id connection.RequestID, v version.Version) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.versions.Remove(id)
	p.versions.Add(id, v)
	p.bytes += len(v.Payload())
	for p.bytes > p.maxBytes && p.versions.Len() > 1 {
		p.versions.RemoveOldest()
	}
	return nil
}

// List implements version.Pending. It never fails.
func (p *Pending) List(_ context.Context, most int) (waiting []version.Waiting, more bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.versions.Keys() {
		if len(waiting) == most {
			return waiting, true, nil
		}
		v, _ := p.versions.Peek(id)
		waiting = append(waiting, version.Waiting{RequestID: id, Version: v})
	}
	return waiting, false, nil
}

// Get implements version.Pending. It never fails.
func (p *Pending) Get(_ context.Context, id connection.RequestID) (version.Version, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, _ := p.versions.Get(id)
	return v, nil
}
