package connections

import (
	"context"
	"sync"
	"time"
)

// watch notices observers that are late. All have the same time, so they become
// late in the order in which they were called, and one timer does for all: a
// context with a timer for each costs more than most observers do. Its zero value
// gives them no time.
type watch struct {
	limit time.Duration

	mu          sync.Mutex
	first, last *visit // called longest ago, and newest; guarded by mu
	set         bool   // a timer will look; guarded by mu
}

// visit is one goroutine's way through the observers of a telling, until one of
// them is late.
type visit struct {
	telling *telling
	cancel  context.CancelCauseFunc // of the observers' context

	// Guarded by watch.mu, as are the links to those that were called before and
	// after.

	index        int // of the observer that is called
	deadline     time.Time
	watched      bool
	older, newer *visit
}

// begin watches v, which calls its i-th observer.
func (w *watch) begin(v *visit, i int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v.index, v.deadline = i, time.Now().Add(w.limit)
	v.watched, v.older, v.newer = true, w.last, nil
	if w.last == nil {
		w.first = v
	} else {
		w.last.newer = v
	}
	w.last = v
	w.setLocked()
}

// end says that v's observer has returned, and reports whether it was in time. If it
// was not, v is over.
func (w *watch) end(v *visit) (inTime bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !v.watched {
		return false
	}
	w.removeLocked(v)
	return true
}

func (w *watch) removeLocked(v *visit) {
	if v.older == nil {
		w.first = v.newer
	} else {
		v.older.newer = v.newer
	}
	if v.newer == nil {
		w.last = v.older
	} else {
		v.newer.older = v.older
	}
	v.watched, v.older, v.newer = false, nil, nil
}

// setLocked sets the timer for the first that can be late. It is left alone when
// that one returns: setting it anew for each is what this is to save.
func (w *watch) setLocked() {
	if w.first != nil && !w.set {
		w.set = true
		time.AfterFunc(time.Until(w.first.deadline), w.look)
	}
}

// look ends the contexts of those that are late, and has others go on for them.
func (w *watch) look() {
	for v := w.late(); v != nil; v = w.late() {
		v.cancel(errLate)
		v.telling.takeOver(v.index, errLate)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set = false
	w.setLocked()
}

// late returns one that is late, which is over, and counts who is to go on for it:
// while its own goroutine still counts, or Stop could come between.
func (w *watch) late() *visit {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.first
	if v == nil || v.deadline.After(time.Now()) {
		return nil
	}
	w.removeLocked(v)
	v.telling.m.running.Add(1)
	return v
}
