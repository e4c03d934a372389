// Package memreceipts implements appevent.Receipts in memory, for a service of one node.
package memreceipts

import (
	"container/list"
	"context"
	"crypto/rand"
	"sync"
	"time"

	"heliograph/domain/appevent"
)

const (
	// maxKeys bounds the keys that are remembered; the oldest go first. It is some 800 new
	// ones a second.
	maxKeys = 100_000
	// waitTime is how long Claim waits for another caller.
	waitTime = 3 * time.Second
)

// record is what is known of a key.
type record struct {
	key     appevent.Key
	id      string
	until   time.Time         // it is forgotten then
	receipt *appevent.Receipt // nil while a caller is at it, or has given up
	settled chan struct{}     // closed when the receipt is there, or the record was dropped
}

// Receipts remembers receipts. It is safe for concurrent use.
type Receipts struct {
	keep  time.Duration
	limit int // maxKeys; tests have less

	mu    sync.Mutex
	byKey map[appevent.Key]*list.Element // guarded by mu, as is the list
	all   *list.List                     // of *record, the oldest first
}

var _ appevent.Receipts = (*Receipts)(nil)

// New returns Receipts with none, which remembers each for keep.
func New(keep time.Duration) *Receipts {
	return &Receipts{keep: keep, limit: maxKeys, byKey: make(map[appevent.Key]*list.Element), all: list.New()}
}

// Claim implements appevent.Receipts.
func (r *Receipts) Claim(ctx context.Context, k appevent.Key) (appevent.Claim, error) {
	patience := time.NewTimer(waitTime)
	defer patience.Stop()
	for {
		if ctx.Err() != nil {
			return appevent.Claim{}, ctx.Err()
		}
		claim, settled := r.claim(k)
		if settled == nil {
			return claim, nil
		}
		select {
		case <-settled:
		case <-patience.C:
			return claim, nil
		case <-ctx.Done():
		}
	}
}

// claim returns what is known of k, and what is closed when more is: nil if there is
// nothing to wait for.
func (r *Receipts) claim(k appevent.Key) (claim appevent.Claim, settled <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for e := r.all.Front(); e != nil && now.After(of(e).until); e = r.all.Front() {
		r.remove(e)
	}
	if e := r.byKey[k]; e != nil {
		one := of(e)
		if one.receipt != nil {
			return appevent.Claim{ID: one.id, Receipt: one.receipt}, nil
		}
		return appevent.Claim{ID: one.id, Repeated: true}, one.settled
	}
	if len(r.byKey) >= r.limit {
		r.remove(r.all.Front())
	}
	one := &record{key: k, id: rand.Text(), until: now.Add(r.keep), settled: make(chan struct{})}
	r.byKey[k] = r.all.PushBack(one)
	return appevent.Claim{ID: one.id}, nil
}

// of returns the record of an element.
func of(e *list.Element) *record { return e.Value.(*record) } //nolint:forcetypeassert // the list holds nothing else

// remove forgets a record. With mu held.
func (r *Receipts) remove(e *list.Element) {
	one := of(e)
	r.all.Remove(e)
	delete(r.byKey, one.key)
	if one.receipt == nil {
		close(one.settled)
	}
}

// Settle implements appevent.Receipts.
func (r *Receipts) Settle(_ context.Context, k appevent.Key, c appevent.Claim, receipt appevent.Receipt) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.find(k, c)
	if e == nil {
		return nil
	}
	one := of(e)
	one.receipt, one.until = &receipt, time.Now().Add(r.keep)
	close(one.settled)
	r.all.MoveToBack(e)
	return nil
}

// Drop implements appevent.Receipts.
func (r *Receipts) Drop(_ context.Context, k appevent.Key, c appevent.Claim) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.find(k, c); e != nil {
		r.remove(e)
	}
	return nil
}

// find returns the record of a claim that is not settled, or nil. With mu held.
func (r *Receipts) find(k appevent.Key, c appevent.Claim) *list.Element {
	e := r.byKey[k]
	if e == nil {
		return nil
	}
	if one := of(e); one.id == c.ID && one.receipt == nil {
		return e
	}
	return nil
}
