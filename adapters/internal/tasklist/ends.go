package tasklist

import (
	"time"

	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// ends is how far the final events of each node's tasks are published (task.Store.Settle).
type ends struct {
	settled map[cluster.Life]uint64                 // the revision up to which they are
	pending map[cluster.Life]map[task.ID]*task.Task // the tasks of which they are not
	node    map[task.ID]cluster.Life                // of those in pending
}

func newEnds() ends {
	return ends{
		settled: make(map[cluster.Life]uint64), pending: make(map[cluster.Life]map[task.ID]*task.Task), node: make(map[task.ID]cluster.Life),
	}
}

// read makes t, as it is stored, what it reads as.
func (e *ends) read(t *task.Task) {
	if upTo, ok := e.settled[t.Node]; ok && t.FinalEventPending && t.Revision <= upTo {
		t.FinalEventPending, t.Node = false, ""
	}
}

// put takes in what has become of a task.
func (e *ends) put(t *task.Task) {
	e.remove(t.ID)
	if !t.FinalEventPending {
		return
	}
	ofNode := e.pending[t.Node]
	if ofNode == nil {
		ofNode = make(map[task.ID]*task.Task)
		e.pending[t.Node] = ofNode
	}
	ofNode[t.ID], e.node[t.ID] = t, t.Node
}

func (e *ends) remove(id task.ID) {
	node, pending := e.node[id]
	if !pending {
		return
	}
	delete(e.node, id)
	if delete(e.pending[node], id); len(e.pending[node]) == 0 {
		delete(e.pending, node)
	}
}

// Settle is task.Store's. A lower revision than one before changes nothing.
func (s *Set) Settle(node cluster.Life, revision uint64) {
	s.ends.settled[node] = max(s.ends.settled[node], revision)
	for id, t := range s.ends.pending[node] {
		if s.ends.read(t); !t.FinalEventPending {
			s.indexes.settle(t)
			s.ends.remove(id)
		}
	}
}

// ReadSettled makes t, as it is stored, what it reads as once Settle was called.
func (s *Set) ReadSettled(t *task.Task) { s.ends.read(t) }

// ForgetSettled undoes Settle, for a node of which no task is there any more that was
// settled by it.
func (s *Set) ForgetSettled(node cluster.Life) { delete(s.ends.settled, node) }

// FirstEnd is when, of the tasks that are there, the first one ended; false if none has.
func (s *Set) FirstEnd() (at time.Time, ok bool) {
	first := s.finished.order.Front()
	if first == nil {
		return time.Time{}, false
	}
	return value(first).ended, true
}
