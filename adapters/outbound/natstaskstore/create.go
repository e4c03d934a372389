package natstaskstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/task"
)

const (
	// firstLook and lastLook are the shortest and the longest pause between two looks
	// for a task whose key is claimed already: mostly it is recorded a round trip later.
	firstLook, lastLook = 5 * time.Millisecond, 250 * time.Millisecond
	// claimTime is how long a claimed key may be without its task before another call
	// takes it over: longer than a write may take on a cluster that changes its leader.
	claimTime = 3 * time.Second
)

// errDeleted: a task of that ID was there and was deleted, or another call has
// ruled out that there ever will be one.
var errDeleted = fmt.Errorf("%w: the task was deleted", task.ErrConflict)

// Create implements task.Store. It is the only caller that ever writes the first
// record of t, and the server takes only one first message per ID, of which the
// marker of a deleted task is one. So a task that was deleted is not created again.
func (s *Store) Create(ctx context.Context, t task.Task) (task.Task, error) {
	if t.IdempotencyKey == "" {
		return s.add(ctx, t)
	}
	for {
		revision, holder, err := s.claim(ctx, t)
		if err != nil {
			return holder, err
		}
		stored, err := s.add(ctx, t)
		switch {
		case err == nil, errors.Is(err, task.ErrUnavailable): // then it may be there
			return stored, err
		case errors.Is(err, task.ErrDuplicate) && stored.IdempotencyKey == t.IdempotencyKey:
			return stored, err // an earlier try of the caller's has come through
		}
		freed, freeErr := s.free(ctx, t.IdempotencyKey, revision)
		if freed || freeErr != nil {
			return stored, errors.Join(err, freeErr)
		}
		// Another call has taken the key over meanwhile: its task is the answer.
	}
}

// claim makes t's ID that of its Idempotency-Key and returns the revision of the
// key's record. A key whose task is not there is taken over once that has lasted
// claimTime: its start was interrupted, or its task deleted without it. Errors:
// task.ErrDuplicate, with the task that has the key.
func (s *Store) claim(ctx context.Context, t task.Task) (revision uint64, holder task.Task, err error) {
	text, err := encodeKey(t.ID)
	if err != nil {
		return 0, holder, err
	}
	key := idempotencyKey(t.IdempotencyKey)
	var seen uint64 // revision of the key's record when its task was first missed
	var since time.Time
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if revision, err = s.kv.Create(ctx, key, text); !natsbroker.Conflict(err) {
			return revision, holder, wrapped(err)
		}
		var id task.ID
		id, revision, err = s.claimed(ctx, t.IdempotencyKey)
		switch {
		case errors.Is(err, task.ErrNotFound): // it was freed meanwhile
			continue
		case err != nil, id == t.ID: // an earlier try of the caller's has claimed it
			return revision, holder, err
		}
		holder, err = s.Get(ctx, id)
		switch {
		case err == nil:
			return 0, holder, task.ErrDuplicate
		case errors.Is(err, errUnreadable):
			return 0, holder, failure(err)
		case !errors.Is(err, task.ErrNotFound):
			return 0, holder, err
		}
		if revision != seen {
			seen, since, pause = revision, time.Now(), firstLook
		}
		if time.Since(since) < s.claimTime {
			natsbroker.Pause(ctx, pause)
			continue
		}
		if ruledOut, err := s.ruleOut(ctx, id); err != nil {
			return 0, holder, err
		} else if !ruledOut {
			continue // it has come after all
		}
		if revision, err = s.kv.Update(ctx, key, text, revision); !natsbroker.Conflict(err) {
			return revision, holder, wrapped(err)
		}
	}
}

// ruleOut makes sure that there never is a task of that ID, unless there is one.
func (s *Store) ruleOut(ctx context.Context, id task.ID) (ruledOut bool, err error) {
	err = s.broker.MarkDeleted(ctx, bucket, taskKey(id))
	if err != nil && !natsbroker.Conflict(err) {
		return false, failure(err)
	}
	if _, err = s.Get(ctx, id); errors.Is(err, task.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// claimed returns the ID that an Idempotency-Key is claimed for, and the revision
// of the key's record. Errors: task.ErrNotFound.
func (s *Store) claimed(ctx context.Context, key string) (id task.ID, revision uint64, err error) {
	entry, err := s.kv.Get(ctx, idempotencyKey(key))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", 0, task.ErrNotFound
	}
	if err != nil {
		return "", 0, failure(err)
	}
	id, err = decodeKey(entry.Value())
	if err != nil {
		s.broker.LeaveOutKey(bucket, entry.Key(), entry.Revision(), err)
		return "", 0, failure(err)
	}
	return id, entry.Revision(), nil
}

// free deletes the record of an Idempotency-Key if it is still at that revision,
// and reports whether it was.
func (s *Store) free(ctx context.Context, key string, revision uint64) (freed bool, err error) {
	err = s.kv.Purge(ctx, idempotencyKey(key), jetstream.LastRevision(revision))
	if natsbroker.Conflict(err) {
		return false, nil
	}
	return err == nil, wrapped(err)
}

// add writes the first record of t. Errors: task.ErrDuplicate, with the task that
// has its ID, errDeleted.
func (s *Store) add(ctx context.Context, t task.Task) (task.Task, error) {
	stored, err := s.put(ctx, t, 0)
	if !natsbroker.Conflict(err) {
		return stored, wrapped(err)
	}
	stored, err = s.Get(ctx, t.ID)
	switch {
	case err == nil:
		return stored, task.ErrDuplicate
	case errors.Is(err, errUnreadable):
		return task.Task{}, failure(err)
	case errors.Is(err, task.ErrNotFound):
		return task.Task{}, errDeleted
	default:
		return task.Task{}, err
	}
}
