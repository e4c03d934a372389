package scheduler

import (
	"cmp"
	"container/heap"
	"time"

	"heliograph/domain/task"
)

// maxScheduledBytes bounds the params of all tasks whose time has not come, as
// maxWaitingBytes does those of tasks that wait in the queue.
const maxScheduledBytes = maxWaitingBytes

// recheck is how often the schedule is compared with the clock: timers do not run while a
// machine sleeps, and clocks are set.
const recheck = time.Minute

// Place is what a task needs to be taken on.
type Place struct {
	Type  string // a known one
	Bytes int    // of its params and labels
	// Scheduled says that its time has not come (rule T19): it needs no place in the queue
	// yet.
	Scheduled bool
}

// PlaceOf returns what t needs.
func PlaceOf(t task.Task) Place {
	return Place{Type: t.Type, Bytes: t.InputSize(), Scheduled: t.Scheduled()}
}

// schedule counts the tasks that hold no place in the queue: their time has not come, or
// no place was free when it had. Its Queue's mutex guards it.
type schedule struct {
	size     int // tasks of all types that may be here
	maxBytes int // of their params
	held     int
	bytes    int
	due      int      // of held, those whose time has come
	upcoming upcoming // the others
	timer    *time.Timer
}

// hasPlace reports whether one more task may be taken on.
func (s *schedule) hasPlace(bytes int) bool {
	return s.held < s.size && s.bytes+bytes <= s.maxBytes
}

func (s *schedule) hold(places, bytes int) {
	s.held += places
	s.bytes += bytes
}

// add has a scheduled task wait for some time.
func (s *schedule) add(e *Entry, after time.Duration) {
	e.at = time.Now().Round(0).Add(after) // without the monotonic clock
	heap.Push(&s.upcoming, e)
	s.setTimer()
}

// remove reports whether e waited for its time.
func (s *schedule) remove(e *Entry) bool {
	if e.index >= len(s.upcoming) || s.upcoming[e.index] != e {
		return false
	}
	heap.Remove(&s.upcoming, e.index)
	s.setTimer()
	return true
}

// next takes out the first task whose time has come, or returns nil.
func (s *schedule) next() *Entry {
	if len(s.upcoming) == 0 || time.Until(s.upcoming[0].at) > 0 {
		return nil
	}
	return heap.Pop(&s.upcoming).(*Entry) //nolint:forcetypeassert // it holds nothing else
}

// setTimer has the timer fire when the first task's time may have come.
func (s *schedule) setTimer() {
	if len(s.upcoming) == 0 {
		s.timer.Stop()
		return
	}
	s.timer.Reset(min(time.Until(s.upcoming[0].at), recheck))
}

// upcoming is a heap of tasks, the first one first.
type upcoming []*Entry

// Len implements heap.Interface.
func (u *upcoming) Len() int { return len(*u) }

// Less implements heap.Interface.
func (u *upcoming) Less(i, j int) bool {
	a, b := (*u)[i], (*u)[j]
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.position, b.position)) < 0
}

// Swap implements heap.Interface.
func (u *upcoming) Swap(i, j int) {
	all := *u
	all[i], all[j] = all[j], all[i]
	all[i].index, all[j].index = i, j
}

// Push implements heap.Interface.
func (u *upcoming) Push(x any) {
	e := x.(*Entry) //nolint:forcetypeassert // it is given nothing else
	e.index = len(*u)
	*u = append(*u, e)
}

// Pop implements heap.Interface.
func (u *upcoming) Pop() any {
	last := len(*u) - 1
	e := (*u)[last]
	(*u)[last] = nil
	*u = (*u)[:last]
	return e
}
