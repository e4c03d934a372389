package scheduler

import (
	"cmp"
	"math"
	"slices"

	"heliograph/domain/task"
)

// typeQueue is where the tasks of one type wait. Its Queue's mutex guards it.
type typeQueue struct {
	typ     *task.Type // as it is now; what it points to never changes
	waiting []*Entry   // by position
	due     []*Entry   // by position: they wait for a place (rule T19)
	running int
	held    int // places: of those that wait, in the pool of those that run, too
	bytes   int // of the params of those that wait
}

// setTypes makes types those of their queues, and returns the types of all queues by name.
func setTypes(queues map[string]*typeQueue, types []task.Type) *map[string]*task.Type {
	for _, typ := range types {
		if known := queues[typ.Name]; known != nil {
			known.typ = &typ
		} else {
			queues[typ.Name] = &typeQueue{typ: &typ}
		}
	}
	byName := make(map[string]*task.Type, len(queues))
	for name, q := range queues {
		byName[name] = q.typ
	}
	return &byName
}

// ready reports whether a task of the type may be begun now.
func (q *typeQueue) ready() bool {
	limit := q.typ.Policy.Concurrency
	return len(q.waiting) > 0 && (limit == 0 || q.running < limit)
}

// room is how many more tasks of the type could run beside those that run or wait.
func (q *typeQueue) room() int {
	if limit := q.typ.Policy.Concurrency; limit > 0 {
		return max(0, limit-q.running-len(q.waiting))
	}
	return math.MaxInt
}

// blocked is how many of those that wait do so for others of the type to end.
func (q *typeQueue) blocked() int {
	if limit := q.typ.Policy.Concurrency; limit > 0 {
		return max(0, len(q.waiting)-max(0, limit-q.running))
	}
	return 0
}

func (q *typeQueue) insert(e *Entry) {
	i, _ := slices.BinarySearchFunc(q.waiting, e.position, byPosition)
	q.waiting = slices.Insert(q.waiting, i, e)
}

// take takes the first task out, to be run.
func (q *typeQueue) take() *Entry {
	e := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	q.running++
	e.typ = q.typ // as it was when the task was started may be no more
	if e.Lease == "" {
		e.Lease = NewLease() // of those that wait there may be very many, which need none
	}
	return e
}

// remove reports whether e waited.
func (q *typeQueue) remove(e *Entry) bool {
	i, waits := slices.BinarySearchFunc(q.waiting, e.position, byPosition)
	if waits {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	return waits
}

func byPosition(e *Entry, position uint64) int { return cmp.Compare(e.position, position) }

// placesToWait is how many places a task of the type gives up when it is taken, and
// has again when it waits anew: in the pool, where it holds one until it is done,
// none.
func (q *typeQueue) placesToWait() int {
	if q.typ.Outside {
		return 1
	}
	return 0
}
