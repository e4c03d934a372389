// Package memboard implements version.Board in memory: what it holds ends with the
// process, as the log of a broker in memory does.
package memboard

import (
	"context"
	"sync"

	"heliograph/domain/version"
)

// Board holds a version per slot. It is safe for concurrent use.
type Board struct {
	mu    sync.Mutex
	slots map[version.Slot]version.Logged // guarded by mu
}

var _ version.Board = (*Board)(nil)

// New returns an empty Board.
func New() *Board { return &Board{slots: map[version.Slot]version.Logged{}} }

// Put implements version.Board. It never fails.
func (b *Board) Put(_ context.Context, slot version.Slot, v version.Logged) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !v.Before(b.slots[slot]) {
		b.slots[slot] = v
	}
	return nil
}

// Get implements version.Board. It never fails.
func (b *Board) Get(_ context.Context, slot version.Slot) (version.Logged, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.slots[slot], nil
}
