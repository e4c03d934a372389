package tasks

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"heliograph/domain/task"
)

// queue holds the tasks that wait, bounds how many are taken on, and hands each
// to who is to run it: to a worker of the pool, or to one outside that asks for
// its type. It is safe for concurrent use.
//
// Nobody polls: whoever finds nothing becomes a waiter, and the first change that
// makes a task ready hands it to the waiter that came first.
type queue struct {
	workers  int // of the pool
	size     int // tasks of one type that may wait
	maxBytes int // of the params of all that wait
	lines    map[string]*line

	mu      sync.Mutex
	pooled  int                    // what all lines of the pool hold; guarded by mu
	turn    uint64                 // the last one given; guarded by mu
	known   map[task.ID]*entry     // what waits or is taken; guarded by mu
	later   map[*entry]*time.Timer // tasks that may not be begun yet; guarded by mu
	waiters []*waiter              // in the order in which they came; guarded by mu
	closed  bool                   // guarded by mu
}

func newQueue(workers, size int, types []task.Type) *queue {
	q := &queue{workers: workers, size: size, maxBytes: maxWaitingBytes, lines: make(map[string]*line), known: make(map[task.ID]*entry), later: make(map[*entry]*time.Timer)}
	for _, typ := range types {
		q.lines[typ.Name] = &line{typ: typ}
	}
	return q
}

// put lets a task wait for which a place is reserved. It reports false when the
// queue is closed.
func (q *queue) put(typ string, id task.ID, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	l := q.lines[typ]
	if e := q.known[id]; e != nil { // news of it were here first
		q.holdLocked(l, -1, -bytes)
		q.ripenLocked(e)
		return true
	}
	l.insert(q.entryLocked(l, id, newLease(), bytes))
	q.handOutLocked(l)
	return true
}

func (q *queue) entryLocked(l *line, id task.ID, lease task.Lease, bytes int) *entry {
	q.turn++
	e := &entry{id: id, line: l, turn: q.turn, lease: lease, bytes: bytes}
	q.known[id] = e
	return e
}

// offer lets a task wait of which there is news, unless it is known. Nothing is
// refused for want of places: somebody has taken it on.
func (q *queue) offer(l *line, id task.ID, bytes int, after time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.known[id] != nil {
		return
	}
	q.holdLocked(l, 1, bytes)
	q.waitLocked(q.entryLocked(l, id, newLease(), bytes), after)
}

// waitLocked lets a task wait that is not to be begun before some time has passed.
func (q *queue) waitLocked(e *entry, after time.Duration) {
	if after > 0 {
		q.later[e] = time.AfterFunc(after, func() { q.ripen(e) })
	} else {
		e.line.insert(e)
	}
	q.handOutLocked(e.line)
}

// handOutLocked gives what is ready in l to those who wait for it.
func (q *queue) handOutLocked(l *line) {
	for l.ready() {
		i := slices.IndexFunc(q.waiters, func(w *waiter) bool { return w.wants(l) })
		if i < 0 {
			return
		}
		q.waiters[i].got <- q.takeLocked(l)
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
}

func (q *queue) takeLocked(l *line) *entry {
	e := l.take()
	q.holdLocked(l, -q.places(l), -e.bytes)
	return e
}

// places is how many places to wait a task of l gives up when it is taken, and has
// again when it waits anew: in the pool, where it holds one until it is done, none.
func (q *queue) places(l *line) int {
	if l.typ.Outside {
		return 1
	}
	return 0
}

// holds reports whether t is known by the attempt that its record names.
func (q *queue) holds(t task.Task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.known[t.ID]
	return e != nil && e.lease == t.Lease
}

// ids returns the tasks that are known here: those that wait and those that are
// taken.
func (q *queue) ids() map[task.ID]bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make(map[task.ID]bool, len(q.known))
	for id := range q.known {
		all[id] = true
	}
	return all
}

// done gives the place of a taken task free.
func (q *queue) done(e *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forgetLocked(e)
	e.line.running--
	q.holdLocked(e.line, q.places(e.line)-1, 0)
	q.handOutLocked(e.line)
}

// forgetLocked lets the next news of the task count.
func (q *queue) forgetLocked(e *entry) {
	if q.known[e.id] == e {
		delete(q.known, e.id)
	}
}

// again lets a taken task wait once more, in its old place but not before some
// time has passed. Nothing is refused for want of places: it was taken on before.
// It reports false when the queue is closed.
func (q *queue) again(e *entry, after time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.line.running--
	q.holdLocked(e.line, q.places(e.line), e.bytes)
	if q.closed {
		return false
	}
	q.known[e.id] = e
	q.waitLocked(e, after) // perhaps it hands out another of the type: there is room for it now
	return true
}

// adopt takes on a task that is running, as one that is taken: done or again must
// follow.
func (q *queue) adopt(l *line, t task.Task) *entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.running++
	q.holdLocked(l, 1-q.places(l), 0)
	return q.entryLocked(l, t.ID, t.Lease, len(t.Params))
}

// ripen lets a task be begun whose time has come.
func (q *queue) ripen(e *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ripenLocked(e)
}

func (q *queue) ripenLocked(e *entry) {
	if timer, waits := q.later[e]; waits {
		timer.Stop()
		delete(q.later, e)
		e.line.insert(e)
		q.handOutLocked(e.line)
	}
}

// remove takes a task out that is not pending any more and frees its place, if it
// still waits; but not one that was begun here without our knowing.
func (q *queue) remove(t task.Task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.known[t.ID]
	if e == nil || t.Status == task.Running && t.Lease == e.lease {
		return
	}
	timer, later := q.later[e]
	if later {
		timer.Stop()
		delete(q.later, e)
	}
	if later || e.line.remove(e) {
		q.forgetLocked(e)
		q.holdLocked(e.line, -1, -e.bytes)
	}
}

// close ends every next, put and again from now on, and returns what still
// waited, oldest first.
func (q *queue) close() []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, w := range q.waiters {
		close(w.got)
	}
	var left []*entry
	for _, l := range q.lines {
		left = append(left, l.waiting...)
		l.waiting = nil
	}
	for e, timer := range q.later {
		timer.Stop()
		left = append(left, e)
	}
	q.waiters, q.later = nil, nil
	slices.SortFunc(left, func(a, b *entry) int { return cmp.Compare(a.turn, b.turn) })
	return left
}

// length returns how many tasks wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.later)
	for _, l := range q.lines {
		n += len(l.waiting)
	}
	return n
}
