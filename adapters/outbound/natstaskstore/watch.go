package natstaskstore

import (
	"slices"
	"sync"

	"heliograph/domain/task"
)

// watchers are the functions that are called with changes. It is safe for concurrent use.
type watchers struct {
	mu  sync.Mutex
	all []*func(task.Task) // guarded by mu
}

func (w *watchers) notify(t task.Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, changed := range w.all {
		(*changed)(t)
	}
}

// add has changed called from then on, until stop.
func (w *watchers) add(changed func(task.Task)) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, &changed)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = slices.DeleteFunc(w.all, func(other *func(task.Task)) bool { return other == &changed })
	}
}

// Watch implements task.Store. The calls come from Serve.
func (s *Store) Watch(changed func(task.Task)) (stop func()) { return s.watchers.add(changed) }
