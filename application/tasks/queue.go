package tasks

import (
	"slices"
	"sync"

	"heliograph/domain/task"
)

// queue holds the tasks that wait, first in first out, and bounds how many are
// taken on. A slot is held from before a task is recorded until a worker is done
// with it, so what is taken on depends on no worker's speed. It is safe for
// concurrent use.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond // waiting has grown, or closed is set

	free    int       // slots; guarded by mu
	waiting []task.ID // oldest first; guarded by mu
	closed  bool      // guarded by mu
}

func newQueue(slots int) *queue {
	q := &queue{free: slots}
	q.changed.L = &q.mu
	return q
}

// reserve takes a slot, to be used by put or given back by release. It reports
// false when there is none.
func (q *queue) reserve() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free == 0 {
		return false
	}
	q.free--
	return true
}

// release gives a slot back: nothing came of it, or a worker is done with it.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free++
}

// put appends a task for which a slot is reserved. It reports false when the
// queue is closed.
func (q *queue) put(id task.ID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, id)
	q.changed.Signal()
	return true
}

// next waits for a task and takes it, with its slot. It reports false when the
// queue is closed.
func (q *queue) next() (task.ID, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.changed.Wait()
	}
	if q.closed {
		return "", false
	}
	id := q.waiting[0]
	q.waiting = q.waiting[1:]
	return id, true
}

// remove takes a task out and frees its slot, if it still waits.
func (q *queue) remove(id task.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, id); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.free++
	}
}

// close ends every next and put from now on, and returns what still waited.
func (q *queue) close() []task.ID {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
	left := q.waiting
	q.waiting = nil
	return left
}

// length returns how many tasks wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
