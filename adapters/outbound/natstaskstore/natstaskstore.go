// Package natstaskstore implements task.Store in a NATS key-value bucket that all
// nodes share.
//
// A task is kept under its ID; a change names the revision that it must have.
// An Idempotency-Key has a record of its own, which names the task that has it. It
// is claimed before the task is recorded, and freed after the task is deleted, so
// what an interruption leaves is a key without its task. Lists come from a copy of
// the bucket in memory, which every node keeps up to date with one consumer.
package natstaskstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/task"
)

const bucketName = "heliograph_tasks"

// Kinds of keys: each is followed by a name of its own.
const (
	byID   = "task"
	byKey  = "key"
	bySync = "sync"

	bySettled = "settled"
)

// errUnreadable: there is a record of the task, which this version cannot read. For
// callers it is not there, as in lists; its ID and its key are still taken.
var errUnreadable = fmt.Errorf("%w: its record cannot be read", task.ErrNotFound)

// Store keeps tasks until they are deleted. It is safe for concurrent use.
type Store struct {
	bucket   *natsbroker.Bucket
	records  *records
	keys     *keys
	reader   *reader
	replica  *replica // the reader's
	watchers watchers
	cleaner  *cleaner
}

var _ task.Store = (*Store)(nil)

// Open returns the store as the node of that name uses it. List waits for Serve.
func Open(ctx context.Context, broker *natsbroker.Broker, node string) (*Store, error) {
	bucket, err := broker.Bucket(ctx, bucketName, -1)
	if err != nil {
		return nil, err
	}
	records, err := newRecords(bucket)
	if err != nil {
		return nil, err
	}
	reader := newReader(bucket, node)
	return &Store{
		bucket: bucket, records: records, keys: &keys{bucket: bucket, records: records, claimTime: claimTime},
		reader: reader, replica: reader.replica,
		cleaner: &cleaner{bucket: bucket, records: records, reader: reader, log: broker.Log()},
	}, nil
}

// Get implements task.Store.
func (s *Store) Get(ctx context.Context, id task.ID) (task.Task, error) {
	t, err := s.records.get(ctx, id)
	return s.replica.asRead(t), err
}

// Known implements task.Store. What this node has written itself is there at once.
func (s *Store) Known(id task.ID) (t task.Task, ok bool) {
	written, isWritten := s.records.writtenHere(id)
	copied, isCopied := s.replica.get(id)
	if isWritten && (!isCopied || written.Revision > copied.Revision) {
		return s.replica.asRead(written), true
	}
	return copied, isCopied
}

// ByKey implements task.Store.
func (s *Store) ByKey(ctx context.Context, owner, idempotencyKey string) (task.Task, error) {
	id, _, err := s.keys.holder(ctx, keyRecordOf(owner, idempotencyKey))
	if err != nil {
		return task.Task{}, err
	}
	return s.Get(ctx, id)
}

// Update implements task.Store.
func (s *Store) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if t.Revision == 0 { // to the bucket that would be a task that was never there
		return task.Task{}, s.records.whyNot(ctx, t.ID)
	}
	stored, err := s.records.put(ctx, t, t.Revision)
	if natsbroker.Conflict(err) {
		return task.Task{}, s.records.whyNot(ctx, t.ID)
	}
	return stored, wrapped(err)
}

// wrapped is failure, or nil for nil.
func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return failure(err)
}

// failure is err as callers get it.
func failure(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum) {
		return fmt.Errorf("%w: %w", task.ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", task.ErrUnavailable, err)
}

// Delete implements task.Store. t is as it was read: then neither its record nor
// its key has to be looked for. The task goes first. A key that stays because this
// is interrupted is taken over by the next Create with it.
func (s *Store) Delete(ctx context.Context, t task.Task) error {
	if t.Revision == 0 { // to Purge that would be any
		return s.records.whyNot(ctx, t.ID)
	}
	err := s.bucket.Purge(ctx, taskKey(t.ID), t.Revision)
	if natsbroker.Conflict(err) {
		return s.records.whyNot(ctx, t.ID)
	}
	s.records.written.Remove(t.ID)
	if err != nil || t.IdempotencyKey == "" {
		return wrapped(err)
	}
	key := keyRecordOf(t.Owner, t.IdempotencyKey)
	id, revision, err := s.keys.holder(ctx, key)
	if err == nil && id == t.ID {
		_, err = s.keys.free(ctx, key, revision)
	}
	if errors.Is(err, task.ErrNotFound) {
		return nil // another call has freed it
	}
	return err
}

func taskKey(id task.ID) string { return natsbroker.Key(byID, string(id)) }

// Outlives implements task.Store.
func (*Store) Outlives() bool { return true }
