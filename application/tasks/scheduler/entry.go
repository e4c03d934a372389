package scheduler

import (
	"crypto/rand"
	"time"

	"heliograph/domain/task"
)

// Entry is an attempt at a task that is to come, or is under way.
type Entry struct {
	ID task.ID
	// Attempt is its number. The entry has waited for the time of this one only.
	Attempt int
	// Lease is the attempt's, once the entry was taken: when its beginning was recorded but
	// the store's answer lost, the next try knows it again.
	Lease task.Lease
	// Worker is the name of the worker outside that it is for, which the one that took the
	// entry sets.
	Worker string
	// Misses counts the times that the task could not be begun, and LeaseUsed says
	// that it was tried with this lease. Both are for the one that took the entry, which
	// changes them.
	Misses    int
	LeaseUsed bool

	queue    *typeQueue
	typ      *task.Type // the queue's, as it was when the entry was made or, later, taken
	position uint64     // what was taken on earlier has a smaller one
	bytes    int        // of the task's params
	// scheduled says that it holds no place in the queue: its time, which is at, has not
	// come, or no place was free when it had.
	scheduled bool
	at        time.Time
	index     int // in the schedule, until then
}

// Type is the task's type, as it was when the entry was taken; with nothing but a name if
// it is not known here.
func (e *Entry) Type() *task.Type { return e.typ }

// Next returns an entry of the same task for the attempt of that number, which may be this
// one once more.
func (e *Entry) Next(attempt int) *Entry {
	return &Entry{ID: e.ID, Attempt: attempt, Lease: NewLease(), Misses: e.Misses, queue: e.queue, typ: e.typ, position: e.position, bytes: e.bytes}
}

// NewLease returns a lease that no attempt ever had.
func NewLease() task.Lease { return task.Lease(rand.Text()) }
