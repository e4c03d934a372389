package scheduler

import (
	"sync"
	"time"
)

// delays has tasks wait that may not be begun yet: for the time that they are to run at
// (rule T19), or with a place in the queue for some other time, such as that of their next
// attempt. Its Queue's mutex guards it.
type delays struct {
	mu         *sync.Mutex            // the Queue's, for the timers
	dispatcher *dispatcher            // the Queue's
	timers     map[*Entry]*time.Timer // of tasks that have a place in the queue
}

// newDelays returns delays for tasks of d, which mu guards.
func newDelays(mu *sync.Mutex, d *dispatcher) *delays {
	l := &delays{mu: mu, dispatcher: d, timers: make(map[*Entry]*time.Timer)}
	d.schedule.timer = time.AfterFunc(recheck, l.comeDue)
	d.schedule.timer.Stop()
	return l
}

// add lets a task wait that is not to be begun before some time has passed, which may be
// none.
func (l *delays) add(e *Entry, after time.Duration) {
	switch {
	case e.scheduled:
		l.dispatcher.schedule.add(e, after)
		return
	case after > 0:
		l.timers[e] = time.AfterFunc(after, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.end(e)
		})
	default:
		e.queue.insert(e)
	}
	l.dispatcher.dispatch(e.queue)
}

// comeDue puts the scheduled tasks whose time has come into the queue, or if there is no
// place for them lets them wait for one.
func (l *delays) comeDue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	schedule := &l.dispatcher.schedule
	for e := schedule.next(); e != nil; e = schedule.next() {
		l.dispatcher.comeDue(e)
	}
	schedule.setTimer()
	l.dispatcher.admitDue()
}

// end lets a task be begun now that has a place in the queue, if it waited for its time.
func (l *delays) end(e *Entry) {
	if l.remove(e) {
		e.queue.insert(e)
		l.dispatcher.dispatch(e.queue)
	}
}

// remove takes a task out that has a place in the queue. It reports false if it did not
// wait for its time.
func (l *delays) remove(e *Entry) bool {
	timer, waits := l.timers[e]
	if waits {
		timer.Stop()
		delete(l.timers, e)
	}
	return waits
}

// close takes all tasks out and returns them. Nothing may be added any more.
func (l *delays) close() []*Entry {
	schedule := &l.dispatcher.schedule
	schedule.timer.Stop()
	left := schedule.upcoming
	for e, timer := range l.timers {
		timer.Stop()
		left = append(left, e)
	}
	schedule.upcoming, l.timers = nil, nil
	return left
}
