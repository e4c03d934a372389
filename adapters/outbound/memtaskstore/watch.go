package memtaskstore

import (
	"slices"

	"heliograph/domain/task"
)

// watchers are the functions that are called with changes.
type watchers []*func(task.Task)

func (w watchers) notify(t task.Task) {
	for _, changed := range w {
		(*changed)(t)
	}
}

// Watch implements task.Store. changed is called before the caller that makes the change
// has its answer, and under the lock, which makes the order.
func (s *Store) Watch(changed func(task.Task)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, &changed)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watchers = slices.DeleteFunc(s.watchers, func(other *func(task.Task)) bool { return other == &changed })
	}
}
