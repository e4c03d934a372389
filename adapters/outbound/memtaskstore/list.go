package memtaskstore

import (
	"context"
	"time"

	"heliograph/domain/task"
)

// List implements task.Store.
func (s *Store) List(_ context.Context, q task.Query) (page []task.Task, next string, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tasks.List(q)
}

// Expired implements task.Store.
func (s *Store) Expired(_ context.Context, r task.Retention) ([]task.Task, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tasks.Expired(r, time.Now()), nil
}

// Age implements task.Store.
func (s *Store) Age(t task.Task) time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tasks.Age(t, time.Now())
}
