package scheduler

import (
	"slices"

	"heliograph/domain/task"
)

// dispatcher gives free places to tasks whose time has come, and tasks that are ready to
// the calls that wait for them. Its Queue's mutex guards it.
type dispatcher struct {
	types    map[string]*typeQueue
	capacity capacity
	schedule schedule
	waiters  []*waiter // in the order in which they came
	last     uint64    // the position given last
}

// hasPlace reports whether a task may be taken on.
func (d *dispatcher) hasPlace(p Place) bool {
	if p.Scheduled {
		return d.schedule.hasPlace(p.Bytes)
	}
	t := d.types[p.Type]
	return len(t.due) == 0 && d.fits(t, p.Bytes)
}

// fits reports whether so many bytes more of the type may wait in the queue.
func (d *dispatcher) fits(t *typeQueue, bytes int) bool {
	return d.capacity.hasPlace(t) && d.capacity.hasRoom(t, d.types, bytes)
}

// hold takes so many places of one kind.
func (d *dispatcher) hold(t *typeQueue, scheduled bool, places, bytes int) {
	if scheduled {
		d.schedule.hold(places, bytes)
	} else {
		d.capacity.hold(t, places, bytes)
	}
}

// release gives a place back.
func (d *dispatcher) release(p Place) {
	d.hold(d.types[p.Type], p.Scheduled, -1, -p.Bytes)
	d.dispatch(d.types[p.Type])
}

// newEntry returns an entry of a task with the next position.
func (d *dispatcher) newEntry(q *typeQueue, t task.Task, lease task.Lease, bytes int) *Entry {
	return &Entry{ID: t.ID, Attempt: t.Attempt, Lease: lease, queue: q, typ: q.typ, position: d.nextPosition(), bytes: bytes}
}

func (d *dispatcher) nextPosition() uint64 {
	d.last++
	return d.last
}

// comeDue lets a scheduled task wait for a place, behind what waits in the queue already.
func (d *dispatcher) comeDue(e *Entry) {
	e.position = d.nextPosition()
	e.queue.due = append(e.queue.due, e)
	d.schedule.due++
}

// dispatch is called whenever a task of the type may have become ready, or a place or room
// for params free.
func (d *dispatcher) dispatch(changed *typeQueue) {
	d.handOut(changed)
	d.admitDue()
}

// admitDue gives free places to tasks whose time has come, of each type in their order.
func (d *dispatcher) admitDue() {
	for admitted := d.schedule.due > 0; admitted; {
		admitted = false
		for _, t := range d.types {
			for len(t.due) > 0 && d.fits(t, t.due[0].bytes) {
				d.admit(t)
				admitted = true
			}
			d.handOut(t) // which may make room for others
		}
	}
}

// admit moves the first due task of a type into the queue.
func (d *dispatcher) admit(t *typeQueue) {
	e := t.due[0]
	t.due[0] = nil
	t.due = t.due[1:]
	d.schedule.due--
	d.hold(t, true, -1, -e.bytes)
	e.scheduled = false
	d.hold(t, false, 1, e.bytes)
	t.insert(e)
}

// remove takes a task out that waits, in the queue, for a place there or for its time. It
// reports false if it does not.
func (d *dispatcher) remove(e *Entry) bool {
	if !e.scheduled {
		return e.queue.remove(e)
	}
	if d.schedule.remove(e) {
		return true
	}
	i := slices.Index(e.queue.due, e)
	if i >= 0 {
		e.queue.due = slices.Delete(e.queue.due, i, i+1)
		d.schedule.due--
	}
	return i >= 0
}

// handOut gives what is ready of a type to the calls that wait for it.
func (d *dispatcher) handOut(t *typeQueue) {
	for t.ready() {
		i := slices.IndexFunc(d.waiters, func(w *waiter) bool { return w.wants(t.typ) })
		if i < 0 {
			return
		}
		d.waiters[i].got <- d.capacity.take(t)
		d.waiters = slices.Delete(d.waiters, i, i+1)
	}
}

// idle reports whether a task that needs p would be begun at once.
func (d *dispatcher) idle(p Place) bool {
	t := d.types[p.Type]
	switch {
	case p.Scheduled, t.room() == 0, len(t.due) > 0:
		return false
	case t.typ.Outside:
		return slices.ContainsFunc(d.waiters, func(w *waiter) bool { return w.wants(t.typ) })
	}
	busy := 0
	for _, other := range d.types {
		if !other.typ.Outside {
			busy += other.running + len(other.waiting) - other.blocked()
		}
	}
	return busy < d.capacity.workers
}

// takeBest takes the task that goes first of the types that are wanted, or returns nil.
func (d *dispatcher) takeBest(wants func(*task.Type) bool) *Entry {
	var best *typeQueue
	for _, t := range d.types {
		if t.ready() && wants(t.typ) && (best == nil || t.before(best)) {
			best = t
		}
	}
	if best == nil {
		return nil
	}
	return d.capacity.take(best)
}

// withdraw ends the waiting of w, and returns what it was handed at the last moment, or
// nil.
func (d *dispatcher) withdraw(w *waiter) *Entry {
	d.waiters = slices.DeleteFunc(d.waiters, func(other *waiter) bool { return other == w })
	select {
	case e := <-w.got:
		return e
	default:
		return nil
	}
}
