// Package memtickets implements access.Tickets in memory, for a service of one node.
package memtickets

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"sync"
	"time"

	"heliograph/domain/access"
)

// maxTickets bounds the tickets that wait: some 3,000 a second if each is kept for 30 s.
// One more is refused, so that nobody's ticket goes for another's.
const maxTickets = 100_000

// hash stands for a ticket, which itself is not kept.
type hash [sha256.Size]byte

type ticket struct {
	principal *access.Principal
	until     time.Time
}

// Tickets holds tickets. It is safe for concurrent use.
type Tickets struct {
	mu      sync.Mutex
	waiting map[hash]ticket // guarded by mu
	sweep   time.Time       // when the next sweep may be; guarded by mu
}

var _ access.Tickets = (*Tickets)(nil)

// New returns Tickets with none.
func New() *Tickets { return &Tickets{waiting: make(map[hash]ticket)} }

// Issue implements access.Tickets. Errors: ErrUnavailable when too many wait.
func (t *Tickets) Issue(ctx context.Context, p *access.Principal, keep time.Duration) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	text := rand.Text()
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweepLocked(now)
	if len(t.waiting) >= maxTickets {
		return "", fmt.Errorf("%w: %d tickets wait to be used", access.ErrUnavailable, maxTickets)
	}
	t.waiting[sha256.Sum256([]byte(text))] = ticket{p, now.Add(keep)}
	return text, nil
}

// sweepLocked deletes what is too old, once a second at most.
func (t *Tickets) sweepLocked(now time.Time) {
	if now.Before(t.sweep) {
		return
	}
	t.sweep = now.Add(time.Second)
	maps.DeleteFunc(t.waiting, func(_ hash, one ticket) bool { return now.After(one.until) })
}

// Redeem implements access.Tickets.
func (t *Tickets) Redeem(ctx context.Context, text string) (p *access.Principal, known bool, err error) {
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	key := hash(sha256.Sum256([]byte(text)))
	t.mu.Lock()
	defer t.mu.Unlock()
	one, found := t.waiting[key]
	delete(t.waiting, key)
	if !found || time.Now().After(one.until) {
		return nil, false, nil
	}
	return one.principal, true, nil
}
