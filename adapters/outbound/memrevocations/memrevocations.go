// Package memrevocations implements access.Revocations in memory: what it holds ends with
// the process.
package memrevocations

import (
	"context"
	"fmt"
	"time"

	"heliograph/adapters/internal/revoked"
	"heliograph/domain/access"
)

// maxRevocations bounds what is remembered, at some 200 bytes each. One more is refused:
// forgetting another instead would let a credential in again.
const maxRevocations = 100_000

// Revocations is what was revoked. It is safe for concurrent use.
type Revocations struct{ memory *revoked.Memory }

var _ access.Revocations = (*Revocations)(nil)

// New returns revocations which are remembered for keep.
func New(keep time.Duration) *Revocations { return &Revocations{memory: revoked.New(keep)} }

// Revoke implements access.Revocations.
func (r *Revocations) Revoke(_ context.Context, one access.Revocation) error {
	if !one.Before.IsZero() && !r.memory.Room(maxRevocations) {
		return fmt.Errorf("%w: %d revocations are remembered, and no more can be", access.ErrUnavailable, maxRevocations)
	}
	r.memory.Add(one)
	return nil
}

// Revoked implements access.Revocations.
func (r *Revocations) Revoked(p *access.Principal) bool { return r.memory.Revoked(p) }

// Watch implements access.Revocations.
func (r *Revocations) Watch(revoked func(access.Revocation)) (stop func()) {
	return r.memory.Watch(revoked)
}
