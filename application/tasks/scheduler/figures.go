package scheduler

import (
	"time"

	"heliograph/domain/task"
)

// asked is what a Queue counts of what is asked of it. Its mutex guards it.
type asked struct {
	refused uint64
	claimed map[string]time.Time // when workers outside asked for a type last, by its name
}

// note notes that a call has asked, or has stopped to.
func (a *asked) note(w *waiter, types map[string]*typeQueue) {
	now := time.Now()
	for name, t := range types {
		if t.typ.Outside && w.wants(t.typ) {
			if a.claimed == nil {
				a.claimed = make(map[string]time.Time)
			}
			a.claimed[name] = now
		}
	}
}

// Refused returns how often Reserve found no place.
func (q *Queue) Refused() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked.refused
}

// Limits returns how many tasks of each type may wait, and how many for their time.
func (q *Queue) Limits() (waiting, scheduled int) {
	return q.dispatcher.capacity.size, q.dispatcher.schedule.size
}

// Figures returns those of a type.
func (q *Queue) Figures(typ task.Type) task.TypeFigures {
	q.mu.Lock()
	defer q.mu.Unlock()
	f := task.TypeFigures{Type: typ.Name, RunBy: typ.RunBy(), Claimed: q.asked.claimed[typ.Name]}
	if t := q.types[typ.Name]; t != nil {
		f.Waiting, f.Running = len(t.waiting), t.running
	}
	for e := range q.delays.timers {
		if e.queue.typ.Name == typ.Name {
			f.Waiting++
		}
	}
	for _, w := range q.dispatcher.waiters {
		if typ.Outside && w.wants(&typ) {
			f.ClaimsWaiting++
		}
	}
	return f
}
