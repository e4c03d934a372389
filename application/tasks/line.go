package tasks

import (
	"cmp"
	"crypto/rand"
	"slices"

	"heliograph/domain/task"
)

// line is where the tasks of one type wait. Its queue's mutex guards it.
type line struct {
	typ     task.Type // never changes
	waiting []*entry  // by turn
	running int
	held    int // places: of those that wait, in the pool of those that run, too
	bytes   int // of the params of those that wait
}

// entry is an attempt at a task that is to come.
type entry struct {
	id   task.ID
	line *line
	turn uint64 // what was taken on earlier has a smaller one
	// bytes is the size of the task's params.
	bytes int
	// lease is the attempt's from the start: when its beginning was recorded but the
	// store's answer lost, the next try knows it again.
	lease task.Lease
	// misses counts the times that the task could not be begun, and leaseUsed says
	// that it was tried with this lease; whoever took the entry has them.
	misses    int
	leaseUsed bool
}

func newLease() task.Lease { return task.Lease(rand.Text()) }

// next returns the entry of the attempt after this one.
func (e *entry) next() *entry {
	return &entry{id: e.id, line: e.line, turn: e.turn, lease: newLease(), bytes: e.bytes, misses: e.misses}
}

// ready reports whether a task of the line may be begun now.
func (l *line) ready() bool {
	limit := l.typ.Policy.Concurrency
	return len(l.waiting) > 0 && (limit == 0 || l.running < limit)
}

// before reports whether the first of l goes before the first of other.
func (l *line) before(other *line) bool {
	return cmp.Or(
		cmp.Compare(other.typ.Policy.Priority, l.typ.Policy.Priority),
		cmp.Compare(l.waiting[0].turn, other.waiting[0].turn),
	) < 0
}

func (l *line) insert(e *entry) {
	i, _ := slices.BinarySearchFunc(l.waiting, e.turn, func(e *entry, turn uint64) int { return cmp.Compare(e.turn, turn) })
	l.waiting = slices.Insert(l.waiting, i, e)
}

// take takes the first task out, to be run.
func (l *line) take() *entry {
	e := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	l.running++
	return e
}

// remove reports whether e waited.
func (l *line) remove(e *entry) bool {
	i, waits := slices.BinarySearchFunc(l.waiting, e.turn, func(e *entry, turn uint64) int { return cmp.Compare(e.turn, turn) })
	if waits {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	return waits
}
