package runner

import (
	"maps"
	"slices"
	"sync"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Running holds the attempts that this node owns. It is safe for concurrent use.
type Running struct {
	mu  sync.Mutex
	all map[task.ID]*Attempt // guarded by mu
}

func newRunning() *Running { return &Running{all: make(map[task.ID]*Attempt)} }

// Len returns how many there are.
func (r *Running) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// IDs returns the tasks that there are attempts at.
func (r *Running) IDs() map[task.ID]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[task.ID]bool, len(r.all))
	for id := range r.all {
		all[id] = true
	}
	return all
}

// Get returns the attempt at a task, or nil.
func (r *Running) Get(id task.ID) *Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[id]
}

// Leased returns the attempt of a worker outside with that lease, or nil.
func (r *Running) Leased(id task.ID, lease task.Lease) *Attempt {
	a := r.Get(id)
	if a == nil || !a.Type().Outside || a.Lease != lease || a.Lost() {
		return nil
	}
	return a
}

// EndHeldBy has the attempts of workers outside given up whose principal is one of those
// that revoked reports, and returns how many they are. Other attempts may follow.
func (r *Running) EndHeldBy(revoked func(*access.Principal) bool) (ended int) {
	r.mu.Lock()
	all := slices.Collect(maps.Values(r.all))
	r.mu.Unlock()
	for _, a := range all {
		if p := a.holder.Load(); p != nil && revoked(p) {
			a.revoked.Pass()
			ended++
		}
	}
	return ended
}

func (r *Running) add(a *Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[a.ID] = a
}

func (r *Running) remove(a *Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[a.ID] == a {
		delete(r.all, a.ID)
	}
}
