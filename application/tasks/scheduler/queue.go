// Package scheduler says which task is begun next: it holds those that wait, bounds
// how many are taken on, and hands each to the worker that is to run it.
package scheduler

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"heliograph/domain/task"
)

// Queue holds the tasks that wait, and knows those that are taken. A worker of the
// pool takes what is next, or a worker outside asks for a type. It is safe for
// concurrent use.
//
// There is no polling: a call that finds nothing becomes a waiter, and the first
// change that makes a task ready hands it to the waiter that came first.
type Queue struct {
	types map[string]*typeQueue // never changes

	mu       sync.Mutex             // guards what follows, and the types' queues
	capacity capacity               // guarded by mu
	last     uint64                 // the position given last; guarded by mu
	known    map[task.ID]*Entry     // what waits or is taken; guarded by mu
	later    map[*Entry]*time.Timer // tasks that may not be begun yet; guarded by mu
	waiters  []*waiter              // in the order in which they came; guarded by mu
	closed   bool                   // guarded by mu
}

// New returns an empty queue for a pool of so many workers, in which size tasks of
// each type may wait.
func New(workers, size int, types []task.Type) *Queue {
	q := &Queue{
		types: make(map[string]*typeQueue), capacity: capacity{workers: workers, size: size, maxBytes: maxWaitingBytes},
		known: make(map[task.ID]*Entry), later: make(map[*Entry]*time.Timer),
	}
	for _, typ := range types {
		q.types[typ.Name] = &typeQueue{typ: typ}
	}
	return q
}

// Type returns the type of that name, or nil.
func (q *Queue) Type(name string) *task.Type {
	if t := q.types[name]; t != nil {
		return &t.typ
	}
	return nil
}

// Reserve takes a place for a task of a known type whose params have so many bytes,
// to be used by Put or PutIdle or given back by Release. It reports false when there is none:
// as many tasks of the type wait as may, or the params of those that wait are too
// large. What is taken on depends on no worker's speed: a place of the pool is held
// until the task is done.
func (q *Queue) Reserve(typ string, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.types[typ]
	if !q.capacity.hasPlace(t) || !q.capacity.hasRoom(t, q.types, bytes) {
		return false
	}
	q.capacity.hold(t, 1, bytes)
	return true
}

// Release gives a place back of which nothing came.
func (q *Queue) Release(typ string, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.capacity.hold(q.types[typ], -1, -bytes)
}

// Idle reports whether a task of the type would be begun at once.
func (q *Queue) Idle(typ string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.idleLocked(q.types[typ])
}

func (q *Queue) idleLocked(t *typeQueue) bool {
	switch {
	case q.closed, t.room() == 0:
		return false
	case t.typ.Outside:
		return slices.ContainsFunc(q.waiters, func(w *waiter) bool { return w.wants(&t.typ) })
	}
	busy := 0
	for _, other := range q.types {
		if !other.typ.Outside {
			busy += other.running + len(other.waiting) - other.blocked()
		}
	}
	return busy < q.capacity.workers
}

// PutIdle is Put for a task that is begun at once. It reports false, and keeps the place
// reserved, if it would have to wait.
func (q *Queue) PutIdle(t task.Task, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.idleLocked(q.types[t.Type]) {
		return false
	}
	return q.putLocked(t, bytes)
}

// Put lets a task wait for which a place was reserved with so many bytes. It reports
// false when the queue is closed.
func (q *Queue) Put(t task.Task, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.putLocked(t, bytes)
}

func (q *Queue) putLocked(t task.Task, bytes int) bool {
	if q.closed {
		return false
	}
	queue := q.types[t.Type]
	if e := q.known[t.ID]; e != nil { // news of it were here first
		q.capacity.hold(queue, -1, -bytes)
		q.ripenLocked(e)
		return true
	}
	queue.insert(q.entryLocked(queue, t.ID, NewLease(), bytes))
	q.handOutLocked(queue)
	return true
}

func (q *Queue) entryLocked(queue *typeQueue, id task.ID, lease task.Lease, bytes int) *Entry {
	q.last++
	e := &Entry{ID: id, Lease: lease, queue: queue, position: q.last, bytes: bytes}
	q.known[id] = e
	return e
}

// Offer lets a task of a known type wait of which there is news, unless it is known.
// Nothing is refused for want of places: a node has taken it on.
func (q *Queue) Offer(t task.Task, after time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.known[t.ID] != nil {
		return
	}
	queue := q.types[t.Type]
	q.capacity.hold(queue, 1, t.InputSize())
	q.waitLocked(q.entryLocked(queue, t.ID, NewLease(), t.InputSize()), after)
}

// waitLocked lets a task wait that is not to be begun before some time has passed.
func (q *Queue) waitLocked(e *Entry, after time.Duration) {
	if after > 0 {
		q.later[e] = time.AfterFunc(after, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.ripenLocked(e)
		})
	} else {
		e.queue.insert(e)
	}
	q.handOutLocked(e.queue)
}

// handOutLocked gives what is ready to the calls that wait for it.
func (q *Queue) handOutLocked(queue *typeQueue) {
	for queue.ready() {
		i := slices.IndexFunc(q.waiters, func(w *waiter) bool { return w.wants(&queue.typ) })
		if i < 0 {
			return
		}
		q.waiters[i].got <- q.capacity.take(queue)
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
}

// ripenLocked lets a task be begun whose time has come.
func (q *Queue) ripenLocked(e *Entry) {
	if timer, waits := q.later[e]; waits {
		timer.Stop()
		delete(q.later, e)
		e.queue.insert(e)
		q.handOutLocked(e.queue)
	}
}

// Done gives the place of a taken task free.
func (q *Queue) Done(e *Entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	forget(q.known, e)
	e.queue.running--
	q.capacity.hold(e.queue, e.queue.placesToWait()-1, 0)
	q.handOutLocked(e.queue)
}

// forget lets the next news of the task count.
func forget(known map[task.ID]*Entry, e *Entry) {
	if known[e.ID] == e {
		delete(known, e.ID)
	}
}

// Again lets a taken task wait once more, in its old position but not before some
// time has passed. Nothing is refused for want of places: it was taken on before.
// It reports false when the queue is closed.
func (q *Queue) Again(e *Entry, after time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.queue.running--
	q.capacity.hold(e.queue, e.queue.placesToWait(), e.bytes)
	if q.closed {
		return false
	}
	q.known[e.ID] = e
	q.waitLocked(e, after) // perhaps it hands out another of the type: there is room for it now
	return true
}

// Adopt takes on a task that is running, as one that is taken: Done or Again must
// follow. Its type need not be known.
func (q *Queue) Adopt(t task.Task) *Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	queue := q.types[t.Type]
	if queue == nil {
		queue = &typeQueue{typ: task.Type{Name: t.Type}}
	}
	queue.running++
	q.capacity.hold(queue, 1-queue.placesToWait(), 0)
	return q.entryLocked(queue, t.ID, t.Lease, t.InputSize())
}

// Remove takes a task out that is not pending any more and frees its place, if it
// still waits; but not one that was begun here without our knowing.
func (q *Queue) Remove(t task.Task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.known[t.ID]
	if e == nil || t.Status == task.Running && t.Lease == e.Lease {
		return
	}
	timer, later := q.later[e]
	if later {
		timer.Stop()
		delete(q.later, e)
	}
	if later || e.queue.remove(e) {
		forget(q.known, e)
		q.capacity.hold(e.queue, -1, -e.bytes)
	}
}

// Holds reports whether t is known by the attempt that its record names.
func (q *Queue) Holds(t task.Task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.known[t.ID]
	return e != nil && e.Lease == t.Lease
}

// IDs returns the tasks that are known: those that wait and those that are taken.
func (q *Queue) IDs() map[task.ID]bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make(map[task.ID]bool, len(q.known))
	for id := range q.known {
		all[id] = true
	}
	return all
}

// Len returns how many tasks wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.later)
	for _, t := range q.types {
		n += len(t.waiting)
	}
	return n
}

// Close ends every Next, Put and Again from now on, and returns what still waited,
// oldest first.
func (q *Queue) Close() []*Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, w := range q.waiters {
		close(w.got)
	}
	var left []*Entry
	for _, t := range q.types {
		left = append(left, t.waiting...)
		t.waiting = nil
	}
	for e, timer := range q.later {
		timer.Stop()
		left = append(left, e)
	}
	q.waiters, q.later = nil, nil
	slices.SortFunc(left, func(a, b *Entry) int { return cmp.Compare(a.position, b.position) })
	return left
}
