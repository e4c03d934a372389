package scheduler

import (
	"sync"
	"time"

	"heliograph/domain/task"
)

// Figures are what operators see of a Queue. They are safe for concurrent use.
type Figures struct {
	mu         *sync.Mutex // the Queue's
	dispatcher *dispatcher // the Queue's
	delays     *delays     // the Queue's
	refused    uint64
	claimed    map[string]time.Time // when workers outside asked for a type last, by its name
}

// noteCall notes that a call has asked, or has stopped to. With mu held.
func (f *Figures) noteCall(w *waiter) {
	now := time.Now()
	for name, t := range f.dispatcher.types {
		if t.typ.Outside && w.wants(t.typ) {
			f.claimed[name] = now
		}
	}
}

// Refused returns how often Reserve found no place.
func (f *Figures) Refused() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

// Limits returns how many tasks of each type may wait, and how many for their time.
func (f *Figures) Limits() (waiting, scheduled int) {
	return f.dispatcher.capacity.size, f.dispatcher.schedule.size
}

// Len returns how many tasks wait in the queue, for the next attempt too, and how many
// are scheduled.
func (f *Figures) Len() (waiting, scheduled int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting = len(f.delays.timers)
	for _, t := range f.dispatcher.types {
		waiting += len(t.waiting)
	}
	return waiting, f.dispatcher.schedule.due + len(f.dispatcher.schedule.upcoming)
}

// Of returns those of a type.
func (f *Figures) Of(typ task.Type) task.TypeFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	of := task.TypeFigures{Type: typ.Name, RunBy: typ.RunBy(), Claimed: f.claimed[typ.Name]}
	if t := f.dispatcher.types[typ.Name]; t != nil {
		of.Waiting, of.Running = len(t.waiting), t.running
	}
	for e := range f.delays.timers {
		if e.queue.typ.Name == typ.Name {
			of.Waiting++
		}
	}
	for _, w := range f.dispatcher.waiters {
		if typ.Outside && w.wants(&typ) {
			of.ClaimsWaiting++
		}
	}
	return of
}
