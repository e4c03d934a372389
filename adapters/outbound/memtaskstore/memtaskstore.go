// Package memtaskstore implements task.Store in memory.
package memtaskstore

import (
	"context"
	"sync"
	"time"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/task"
)

// Store keeps tasks until they are deleted or the process ends. It is safe for
// concurrent use, never waits, and heeds no context.
type Store struct {
	mu        sync.RWMutex
	tasks     map[task.ID]*task.Task // guarded by mu; the tasks too
	byKey     map[string]*task.Task  // those with an Idempotency-Key; guarded by mu
	all       index                  // guarded by mu
	unsettled index                  // guarded by mu; few, and read whenever browsers connect
	finished  *tasklist.Finished     // guarded by mu
	watchers  watchers               // guarded by mu
	revision  uint64                 // the last one given, to any task; guarded by mu
}

var _ task.Store = (*Store)(nil)

// New returns an empty Store.
func New() *Store {
	return &Store{tasks: make(map[task.ID]*task.Task), byKey: make(map[string]*task.Task), finished: tasklist.NewFinished()}
}

// Create implements task.Store.
func (s *Store) Create(_ context.Context, t task.Task) (task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.holderLocked(t); other != nil {
		return *other, task.ErrDuplicate
	}
	stored := &t
	stored.Created = t.Created.UTC() // without a monotonic part, which a cursor could not carry
	s.stampLocked(stored)
	s.tasks[t.ID] = stored
	if t.IdempotencyKey != "" {
		s.byKey[t.IdempotencyKey] = stored
	}
	s.all.insert(stored)
	if !t.Settled() {
		s.unsettled.insert(stored)
	}
	s.noteEndLocked(stored)
	s.watchers.tell(*stored)
	return *stored, nil
}

// holderLocked returns the task that has t's ID or Idempotency-Key, or nil.
func (s *Store) holderLocked(t task.Task) *task.Task {
	if other := s.tasks[t.ID]; other != nil {
		return other
	}
	return s.byKey[t.IdempotencyKey] // nobody has the key ""
}

// stampLocked gives t a revision that no task ever had, so that nobody mistakes
// it for one that was deleted.
func (s *Store) stampLocked(t *task.Task) {
	s.revision++
	t.Revision = s.revision
}

// Get implements task.Store.
func (s *Store) Get(_ context.Context, id task.ID) (task.Task, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.tasks[id]; t != nil {
		return *t, nil
	}
	return task.Task{}, task.ErrNotFound
}

// ByKey implements task.Store.
func (s *Store) ByKey(_ context.Context, idempotencyKey string) (task.Task, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.byKey[idempotencyKey]; t != nil {
		return *t, nil
	}
	return task.Task{}, task.ErrNotFound
}

// Update implements task.Store. Created and the Idempotency-Key stay as they
// were created.
func (s *Store) Update(_ context.Context, t task.Task) (task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.currentLocked(t)
	if err != nil {
		return task.Task{}, err
	}
	t.Created, t.IdempotencyKey = stored.Created, stored.IdempotencyKey
	wasSettled := stored.Settled()
	*stored = t
	s.stampLocked(stored)
	if !wasSettled && t.Settled() {
		s.unsettled.remove(stored)
	}
	s.noteEndLocked(stored)
	s.watchers.tell(*stored)
	return *stored, nil
}

// noteEndLocked indexes a task that has ended.
func (s *Store) noteEndLocked(t *task.Task) {
	if t.Status.Terminal() {
		s.finished.Add(t, time.Now())
	}
}

// currentLocked returns what is stored if it is still at t's revision.
func (s *Store) currentLocked(t task.Task) (*task.Task, error) {
	switch stored := s.tasks[t.ID]; {
	case stored == nil:
		return nil, task.ErrNotFound
	case stored.Revision != t.Revision:
		return nil, task.ErrConflict
	default:
		return stored, nil
	}
}

// Delete implements task.Store.
func (s *Store) Delete(_ context.Context, t task.Task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.currentLocked(t)
	if err != nil {
		return err
	}
	delete(s.tasks, stored.ID)
	delete(s.byKey, stored.IdempotencyKey)
	s.all.remove(stored)
	s.unsettled.remove(stored)
	s.finished.Remove(stored.ID)
	return nil
}
