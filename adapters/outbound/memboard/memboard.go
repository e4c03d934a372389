// Package memboard implements version.Board in memory.
package memboard

import (
	"context"
	"sync"

	"heliograph/domain/version"
)

// Board holds one version. It is safe for concurrent use.
type Board struct {
	mu sync.Mutex
	v  version.Version // guarded by mu
}

var _ version.Board = (*Board)(nil)

// New returns an empty Board.
func New() *Board { return &Board{} }

// Put implements version.Board.
func (b *Board) Put(_ context.Context, v version.Version) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.v = v
	return nil
}

// Get implements version.Board.
func (b *Board) Get(context.Context) (version.Version, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.v, nil
}
