package tasklist

import (
	"slices"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// Set holds tasks, and indexes of them, so that a list or a sweep copies what it
// returns and costs no more the more is kept. Reading it is safe for concurrent use,
// changing it is not.
type Set struct {
	tasks    map[task.ID]*kept
	indexes  indexes
	finished *Finished
	ends     ends
}

// kept is one task in a Set.
type kept struct {
	task.Task

	put time.Time // when it was put as it is
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{tasks: make(map[task.ID]*kept), finished: NewFinished(), ends: newEnds()}
}

// Get returns the task of that ID, or nil. It must not be changed.
func (s *Set) Get(id task.ID) *task.Task {
	if there := s.tasks[id]; there != nil {
		return &there.Task
	}
	return nil
}

// Put adds t, or puts it in place of the one with its ID. at is the time now, by the
// clock that Expired is given.
func (s *Set) Put(t task.Task, at time.Time) {
	s.ends.read(&t)
	stored := s.tasks[t.ID]
	if stored != nil && (PlaceOf(&stored.Task) != PlaceOf(&t) || stored.Owner != t.Owner || !sameAudience(stored.Audience, t.Audience)) {
		s.Remove(t.ID)
		stored = nil
	}
	if stored == nil {
		stored = &kept{Task: t}
		s.tasks[t.ID] = stored
		s.indexes.insert(&stored.Task)
	} else {
		settled := stored.Settled()
		t.Audience = stored.Audience // so that what was read anew is freed
		stored.Task = t
		if settled != t.Settled() {
			s.indexes.settle(&stored.Task)
		}
	}
	stored.put = at
	s.ends.put(&stored.Task)
	if t.Status.Terminal() {
		s.finished.Add(&stored.Task, at)
	}
}

// sameAudience reports whether both name the same.
func sameAudience(a, b *access.Audience) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	return slices.Equal(a.Subjects, b.Subjects) && slices.Equal(a.Roles, b.Roles) && slices.Equal(a.RequestIDs, b.RequestIDs)
}

// Remove takes a task out, if it is there.
func (s *Set) Remove(id task.ID) {
	stored := s.tasks[id]
	if stored == nil {
		return
	}
	delete(s.tasks, id)
	s.indexes.remove(&stored.Task)
	s.finished.Remove(id)
	s.ends.remove(id)
}

// maxRead is how many tasks a page looks at, at most: so a list that selects few of many
// keeps changes waiting for about a millisecond.
const maxRead = 2000

// List is task.Store's. A cursor names a place in the order, not a number of tasks,
// so what comes and goes elsewhere does not move it. For a viewer it is the place of a task
// that it sees, and what is beside costs nothing (rule A9).
func (s *Set) List(q task.Query) (page []task.Task, next string, err error) {
	from, err := ParseCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	if len(q.IDs) > 0 {
		return s.byIDs(q), "", nil
	}
	seen := s.indexes.seen(q)
	if len(seen) == 0 {
		return nil, "", nil // mostly, when a stream connects
	}
	var selected []*task.Task // copied once it is known how many they are: they are large
	read, last := 0, Place{}
	for t := range newestBelow(from, seen) {
		if q.Limit > 0 && read == maxRead {
			next = last.Cursor()
			break
		}
		read, last = read+1, PlaceOf(t)
		if !Selects(q, t) {
			continue
		}
		if q.Limit > 0 && len(selected) == q.Limit {
			next = PlaceOf(selected[q.Limit-1]).Cursor()
			break
		}
		selected = append(selected, t)
	}
	return copies(selected), next, nil
}

func copies(selected []*task.Task) []task.Task {
	if len(selected) == 0 {
		return nil
	}
	all := make([]task.Task, len(selected))
	for i, t := range selected {
		all[i] = *t
	}
	return all
}

// byIDs is List for a query that names its tasks.
func (s *Set) byIDs(q task.Query) (page []task.Task) {
	had := make(map[task.ID]bool, len(q.IDs))
	for _, id := range q.IDs {
		t := s.Get(id)
		if t == nil || had[id] || !Selects(q, t) || q.Viewer != nil && !t.Audience.Includes(*q.Viewer) {
			continue
		}
		had[id] = true
		page = append(page, *t)
	}
	return page
}

// Age is task.Store's, at the time now.
func (s *Set) Age(t task.Task, now time.Time) time.Duration {
	stored := s.tasks[t.ID]
	if stored == nil || stored.Revision != t.Revision {
		return 0
	}
	return max(0, now.Sub(stored.put))
}

// Expired is task.Store's, at the time now.
func (s *Set) Expired(r task.Retention, now time.Time) []task.Task {
	ids := s.finished.Expired(r, now)
	expired := make([]task.Task, len(ids))
	for i, id := range ids {
		expired[i] = s.tasks[id].Task
	}
	return expired
}
