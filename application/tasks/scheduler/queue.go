// Package scheduler says which task is begun next: it holds those that wait, bounds
// how many are taken on, and hands each to the worker that is to run it.
package scheduler

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/task"
)

// Queue holds the tasks that wait, and knows those that are taken. A worker of the
// pool takes what is next, or a worker outside asks for a type. It is safe for
// concurrent use.
//
// There is no polling: a call that finds nothing becomes a waiter, and the first
// change that makes a task ready hands it to the waiter that came first.
//
// Its dispatcher chooses among tasks that may be begun, its delays keep the others until
// they may.
type Queue struct {
	Figures *Figures

	byName atomic.Pointer[map[string]*task.Type] // what types holds, for Type

	mu         sync.Mutex            // guards what follows, and the types' queues
	types      map[string]*typeQueue // none ever leaves it; guarded by mu
	dispatcher dispatcher            // guarded by mu
	delays     *delays               // guarded by mu
	known      map[task.ID]*Entry    // what waits or is taken; guarded by mu
	closed     bool                  // guarded by mu
}

// Sizes bounds what a Queue takes on.
type Sizes struct {
	Workers   int // of the pool
	Waiting   int // tasks of each type that may wait in the queue
	Scheduled int // tasks of all types that may wait for their time
}

// New returns an empty queue.
func New(sizes Sizes, types []task.Type) *Queue {
	q := &Queue{types: make(map[string]*typeQueue), known: make(map[task.ID]*Entry)}
	q.byName.Store(setTypes(q.types, types))
	q.dispatcher = dispatcher{
		types:    q.types,
		capacity: capacity{workers: sizes.Workers, size: sizes.Waiting, maxBytes: maxWaitingBytes},
		schedule: schedule{size: sizes.Scheduled, maxBytes: maxScheduledBytes},
	}
	q.delays = newDelays(&q.mu, &q.dispatcher)
	q.Figures = &Figures{mu: &q.mu, dispatcher: &q.dispatcher, delays: q.delays, claimed: make(map[string]time.Time)}
	return q
}

// SetTypes makes types what tasks are begun by from now on: those that wait, too. Tasks of
// a type that is not among them are begun as it was last. A type must not become one of
// workers outside, nor the other way round.
func (q *Queue) SetTypes(types []task.Type) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.byName.Store(setTypes(q.types, types))
	for _, typ := range types { // more of them may be ready now
		q.dispatcher.dispatch(q.types[typ.Name])
	}
}

// Type returns the type of that name, or nil. One that is no more is as it was last.
func (q *Queue) Type(name string) *task.Type { return (*q.byName.Load())[name] }

// Reserve takes a place, to be used by Put or PutIdle or given back by Release. It
// reports false when there is none: as many tasks of the type wait as may, or the params of
// those that wait are too large; and likewise of the tasks whose time has not come. What is
// taken on depends on no worker's speed: a place of the pool is held until the task is
// done.
func (q *Queue) Reserve(p Place) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.dispatcher.hasPlace(p) {
		q.Figures.refused++
		return false
	}
	q.dispatcher.hold(q.types[p.Type], p.Scheduled, 1, p.Bytes)
	return true
}

// Release gives a place back of which nothing came.
func (q *Queue) Release(p Place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dispatcher.release(p)
}

// Idle reports whether a task that needs p would be begun at once.
func (q *Queue) Idle(p Place) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed && q.dispatcher.idle(p)
}

// PutIdle is Put for a task that is begun at once. It reports false, and keeps the place
// reserved, if it would have to wait.
func (q *Queue) PutIdle(t task.Task, p Place) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed && q.dispatcher.idle(p) && q.putLocked(t, p)
}

// Put lets a task wait that has the place which was reserved. It reports false when the
// queue is closed.
func (q *Queue) Put(t task.Task, p Place) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.putLocked(t, p)
}

func (q *Queue) putLocked(t task.Task, p Place) bool {
	if q.closed {
		return false
	}
	if e := q.known[t.ID]; e != nil { // news of it were here first
		q.dispatcher.release(p)
		if e.Attempt != t.Attempt { // another node has begun it, and it has failed there
			return true
		}
		if !p.Scheduled {
			q.delays.end(e)
		} else if q.dispatcher.schedule.remove(e) { // other nodes wait a moment longer, this one does not
			q.dispatcher.schedule.add(e, time.Until(t.NotBefore))
		}
		return true
	}
	q.addLocked(t, p, time.Until(t.NotBefore))
	return true
}

// addLocked lets a task wait that is not known and holds p.
func (q *Queue) addLocked(t task.Task, p Place, after time.Duration) {
	e := q.dispatcher.newEntry(q.types[t.Type], t, "", p.Bytes)
	e.scheduled = p.Scheduled
	q.known[t.ID] = e
	q.delays.add(e, after)
}

// Offer lets a task of a known type wait of which there is news, unless it is known.
// Nothing is refused for want of places: a node has taken it on.
func (q *Queue) Offer(t task.Task, after time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.known[t.ID] != nil {
		return
	}
	p := PlaceOf(t)
	q.dispatcher.hold(q.types[p.Type], p.Scheduled, 1, p.Bytes)
	q.addLocked(t, p, after)
}

// Done gives the place of a taken task free.
func (q *Queue) Done(e *Entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	forget(q.known, e)
	e.queue.running--
	q.dispatcher.hold(e.queue, false, e.queue.placesToWait()-1, 0)
	q.dispatcher.dispatch(e.queue)
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
	q.dispatcher.hold(e.queue, false, e.queue.placesToWait(), e.bytes)
	if q.closed {
		return false
	}
	q.known[e.ID] = e
	q.delays.add(e, after) // perhaps it hands out another of the type: there is room for it now
	return true
}

// Adopt takes on a task that is running, as one that is taken: Done or Again must
// follow. Its type need not be known.
func (q *Queue) Adopt(t task.Task) *Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	queue := q.types[t.Type]
	if queue == nil {
		queue = &typeQueue{typ: &task.Type{Name: t.Type}}
	}
	queue.running++
	q.dispatcher.hold(queue, false, 1-queue.placesToWait(), 0)
	e := q.dispatcher.newEntry(queue, t, t.Lease, t.InputSize())
	q.known[t.ID] = e
	return e
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
	if q.delays.remove(e) || q.dispatcher.remove(e) {
		forget(q.known, e)
		q.dispatcher.hold(e.queue, e.scheduled, -1, -e.bytes)
		q.dispatcher.dispatch(e.queue)
	}
}

// Holds reports whether t is known by the attempt that its record names.
func (q *Queue) Holds(t task.Task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.known[t.ID]
	return e != nil && e.Lease != "" && e.Lease == t.Lease
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

// Close ends every Next, Put and Again from now on, and returns what still waited,
// oldest first.
func (q *Queue) Close() []*Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, w := range q.dispatcher.waiters {
		close(w.got)
	}
	left := q.delays.close()
	for _, t := range q.types {
		left = slices.Concat(left, t.waiting, t.due)
		t.waiting, t.due = nil, nil
	}
	q.dispatcher.waiters, q.dispatcher.schedule.due = nil, 0
	slices.SortFunc(left, func(a, b *Entry) int { return cmp.Compare(a.position, b.position) })
	return left
}
