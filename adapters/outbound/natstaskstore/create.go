package natstaskstore

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/task"
)

// Create implements task.Store.
func (s *Store) Create(ctx context.Context, t task.Task) (task.Task, error) {
	if t.IdempotencyKey == "" {
		return s.add(ctx, t)
	}
	first, won, err := s.claim(ctx, t)
	if err != nil {
		return task.Task{}, err
	}
	stored, err := s.add(ctx, first)
	switch {
	case !won && err == nil: // whoever came first was interrupted
		return stored, task.ErrDuplicate
	case won && errors.Is(err, task.ErrDuplicate) && stored.IdempotencyKey == t.IdempotencyKey:
		return stored, nil // who came second was faster
	case won && errors.Is(err, task.ErrDuplicate):
		return stored, errors.Join(err, s.kv.Purge(ctx, idempotencyKey(t.IdempotencyKey)))
	default:
		return stored, err
	}
}

// claim makes t the task of its Idempotency-Key, and reports whether it is. If
// not, it returns the task that is.
func (s *Store) claim(ctx context.Context, t task.Task) (first task.Task, won bool, err error) {
	text, err := encode(t)
	if err != nil {
		return task.Task{}, false, err
	}
	for {
		_, err := s.kv.Create(ctx, idempotencyKey(t.IdempotencyKey), text)
		if err == nil {
			return t, true, nil
		}
		if !natsbroker.Conflict(err) {
			return task.Task{}, false, failure(err)
		}
		first, err := s.claimed(ctx, t.IdempotencyKey)
		if !errors.Is(err, task.ErrNotFound) { // else it was freed meanwhile
			return first, false, err
		}
	}
}

// claimed returns the task that an Idempotency-Key was claimed for, as it was to
// be created. Errors: task.ErrNotFound.
func (s *Store) claimed(ctx context.Context, key string) (task.Task, error) {
	entry, err := s.kv.Get(ctx, idempotencyKey(key))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return task.Task{}, task.ErrNotFound
	}
	if err != nil {
		return task.Task{}, failure(err)
	}
	return decode(entry.Value(), 0)
}

// add creates t. Errors: task.ErrDuplicate, with the task that has its ID.
func (s *Store) add(ctx context.Context, t task.Task) (task.Task, error) {
	text, err := encode(t)
	if err != nil {
		return task.Task{}, err
	}
	for {
		revision, err := s.kv.Create(ctx, taskKey(t.ID), text)
		if err == nil {
			return decode(text, revision)
		}
		if !natsbroker.Conflict(err) {
			return task.Task{}, failure(err)
		}
		stored, err := s.Get(ctx, t.ID)
		if err == nil {
			return stored, task.ErrDuplicate
		}
		if !errors.Is(err, task.ErrNotFound) { // else it was deleted meanwhile
			return task.Task{}, err
		}
	}
}
