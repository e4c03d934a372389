package leases

import (
	"context"
	"sync"
	"time"

	"heliograph/domain/task"
)

// relayPause is how often a worker that only prints has its lease renewed by way of a node
// that does not follow it: each time is a change of the task's record. It is less than any
// lease.
const relayPause = 500 * time.Millisecond

// maxRenewals bounds how many renewals are remembered.
const maxRenewals = 4096

// renewals is when this node renewed the leases of workers that others follow. Its zero
// value is ready, and it is safe for concurrent use.
type renewals struct {
	mu sync.Mutex
	at map[task.Lease]time.Time // guarded by mu
}

func (r *renewals) recent(lease task.Lease) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.at[lease]) < relayPause
}

func (r *renewals) note(lease task.Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil || len(r.at) >= maxRenewals {
		r.at = make(map[task.Lease]time.Time)
	}
	r.at[lease] = time.Now()
}

// KeepLease is Progress for a worker that shows that it is there without reporting
// anything, however often. Errors: as Progress.
func (l *Leases) KeepLease(ctx context.Context, id task.ID, lease task.Lease) error {
	elsewhere := l.runner.Running.Leased(id, lease) == nil
	if elsewhere && l.renewals.recent(lease) {
		t, err := l.store.Get(ctx, id)
		if err == nil && (t.Status != task.Running || t.Lease != lease) {
			err = task.ErrLeaseLost
		}
		return err
	}
	_, err := l.Progress(ctx, id, lease, task.Update{})
	if err == nil && elsewhere {
		l.renewals.note(lease)
	}
	return err
}
