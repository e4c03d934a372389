// Package natstaskstore implements task.Store in a NATS key-value bucket that all
// nodes share.
//
// A task is kept under its ID; who changes it says which revision it must have.
// An Idempotency-Key has a record of its own, which holds the task as it was to
// be created: whoever finds it and no task creates that task, so it does not
// matter where the one who came first was interrupted. Lists come from a copy of
// the bucket in memory, which every node keeps up to date with one consumer.
package natstaskstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/task"
)

const bucket = "heliograph_tasks"

// Kinds of keys: each is followed by a name of its own.
const (
	byID   = "task"
	byKey  = "key"
	bySync = "sync"
)

// Store keeps tasks until they are deleted. It is safe for concurrent use.
type Store struct {
	broker  *natsbroker.Broker
	kv      jetstream.KeyValue
	node    string
	replica *replica

	watchers watchers
}

var _ task.Store = (*Store)(nil)

// Open returns the store as the node of that name uses it. List waits for Serve.
func Open(ctx context.Context, broker *natsbroker.Broker, node string) (*Store, error) {
	kv, err := broker.Bucket(ctx, bucket, -1)
	if err != nil {
		return nil, err
	}
	return &Store{broker: broker, kv: kv, node: node, replica: newReplica()}, nil
}

// Get implements task.Store.
func (s *Store) Get(ctx context.Context, id task.ID) (task.Task, error) {
	entry, err := s.kv.Get(ctx, taskKey(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return task.Task{}, task.ErrNotFound
	}
	if err != nil {
		return task.Task{}, failure(err)
	}
	return decode(entry.Value(), entry.Revision())
}

// ByKey implements task.Store.
func (s *Store) ByKey(ctx context.Context, idempotencyKey string) (task.Task, error) {
	claimed, err := s.claimed(ctx, idempotencyKey)
	if err != nil {
		return task.Task{}, err
	}
	return s.Get(ctx, claimed.ID)
}

// Update implements task.Store.
func (s *Store) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if t.Revision == 0 { // to the bucket that would be a task that is not there
		return task.Task{}, s.whyNot(ctx, t.ID)
	}
	text, err := encode(t)
	if err != nil {
		return task.Task{}, err
	}
	revision, err := s.kv.Update(ctx, taskKey(t.ID), text, t.Revision)
	if natsbroker.Conflict(err) {
		return task.Task{}, s.whyNot(ctx, t.ID)
	}
	if err != nil {
		return task.Task{}, failure(err)
	}
	return decode(text, revision)
}

// failure is what is told of err.
func failure(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum) {
		return fmt.Errorf("%w: %w", task.ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", task.ErrUnavailable, err)
}

// whyNot is why a task is not at the revision that was expected.
func (s *Store) whyNot(ctx context.Context, id task.ID) error {
	if _, err := s.Get(ctx, id); err != nil {
		return err
	}
	return task.ErrConflict
}

// Delete implements task.Store. The Idempotency-Key goes first: the other way
// round, a key whose task is gone would bring it back.
func (s *Store) Delete(ctx context.Context, t task.Task) error {
	stored, err := s.Get(ctx, t.ID)
	if err != nil {
		return err
	}
	if stored.Revision != t.Revision {
		return task.ErrConflict
	}
	if stored.IdempotencyKey != "" {
		if err := s.kv.Purge(ctx, idempotencyKey(stored.IdempotencyKey)); err != nil {
			return failure(err)
		}
	}
	err = s.kv.Purge(ctx, taskKey(t.ID), jetstream.LastRevision(t.Revision))
	if natsbroker.Conflict(err) {
		return s.whyNot(ctx, t.ID)
	}
	if err != nil {
		return failure(err)
	}
	return nil
}

func taskKey(id task.ID) string { return natsbroker.Key(byID, string(id)) }

func idempotencyKey(key string) string { return natsbroker.Key(byKey, natsbroker.Digest(key)) }
