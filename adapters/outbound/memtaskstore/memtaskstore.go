// Package memtaskstore implements task.Store in memory.
package memtaskstore

import (
	"context"
	"sync"
	"time"

	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// Store keeps tasks until they are deleted or the process ends. It is safe for
// concurrent use, never waits, and does not look at contexts.
type Store struct {
	mu       sync.RWMutex
	tasks    *tasklist.Set        // guarded by mu
	byKey    map[ownedKey]task.ID // those with an Idempotency-Key; guarded by mu
	watchers watchers             // guarded by mu
	revision uint64               // the last one given, to any task; guarded by mu
}

// ownedKey is an Idempotency-Key of one owner's: those of others are others.
type ownedKey struct{ owner, key string }

func keyOf(t *task.Task) ownedKey { return ownedKey{t.Owner, t.IdempotencyKey} }

var _ task.Store = (*Store)(nil)

// New returns an empty Store.
func New() *Store { return &Store{tasks: tasklist.NewSet(), byKey: make(map[ownedKey]task.ID)} }

// Create implements task.Store.
func (s *Store) Create(_ context.Context, t task.Task) (task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.holderLocked(t); other != nil {
		return *other, task.ErrDuplicate
	}
	t.Created = t.Created.UTC().Round(0) // without a monotonic part, which a cursor could not carry
	if t.IdempotencyKey != "" {
		s.byKey[keyOf(&t)] = t.ID
	}
	return s.putLocked(t), nil
}

// holderLocked returns the task that has t's ID or Idempotency-Key, or nil.
func (s *Store) holderLocked(t task.Task) *task.Task {
	if other := s.tasks.Get(t.ID); other != nil {
		return other
	}
	return s.tasks.Get(s.byKey[keyOf(&t)]) // no task has the key ""
}

// putLocked stores t with a revision that no task ever had, so that none is mistaken
// for one that was deleted, and calls the watchers.
func (s *Store) putLocked(t task.Task) task.Task {
	s.revision++
	t.Revision = s.revision
	s.tasks.Put(t, time.Now())
	s.watchers.notify(t)
	return t
}

// Get implements task.Store.
func (s *Store) Get(_ context.Context, id task.ID) (task.Task, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return found(s.tasks.Get(id))
}

// ByKey implements task.Store.
func (s *Store) ByKey(_ context.Context, owner, idempotencyKey string) (task.Task, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return found(s.tasks.Get(s.byKey[ownedKey{owner, idempotencyKey}]))
}

// Known implements task.Store. It is the task as it is.
func (s *Store) Known(id task.ID) (t task.Task, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, err := found(s.tasks.Get(id))
	return t, err == nil
}

func found(t *task.Task) (task.Task, error) {
	if t == nil {
		return task.Task{}, task.ErrNotFound
	}
	return *t, nil
}

// Update implements task.Store. Created, the Idempotency-Key and the owner stay as they
// were created.
func (s *Store) Update(_ context.Context, t task.Task) (task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.currentLocked(t)
	if err != nil {
		return task.Task{}, err
	}
	t.Created, t.IdempotencyKey, t.Owner = stored.Created, stored.IdempotencyKey, stored.Owner
	return s.putLocked(t), nil
}

// currentLocked returns what is stored if it is still at t's revision.
func (s *Store) currentLocked(t task.Task) (*task.Task, error) {
	switch stored := s.tasks.Get(t.ID); {
	case stored == nil:
		return nil, task.ErrNotFound
	case stored.Revision != t.Revision:
		return nil, task.ErrConflict
	default:
		return stored, nil
	}
}

// Settle implements task.Store.
func (s *Store) Settle(_ context.Context, node cluster.Life, revision uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks.Settle(node, revision)
	return nil
}

// Delete implements task.Store.
func (s *Store) Delete(_ context.Context, t task.Task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.currentLocked(t)
	if err != nil {
		return err
	}
	delete(s.byKey, keyOf(stored))
	s.tasks.Remove(t.ID)
	return nil
}

// Outlives implements task.Store.
func (*Store) Outlives() bool { return false }
