package natstaskstore

import (
	"context"
	"errors"
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

// keys claims and frees Idempotency-Keys: each has a record, which names the task that
// has the key. It is safe for concurrent use.
type keys struct {
	bucket    *natsbroker.Bucket
	records   *records
	claimTime time.Duration // claimTime; tests have less
}

// claim makes t's ID that of its Idempotency-Key and returns the revision of the
// key's record. A key whose task is not there is taken over once that has lasted
// claimTime: its start was interrupted, or its task deleted without it. Errors:
// task.ErrDuplicate, with the task that has the key.
func (k *keys) claim(ctx context.Context, t task.Task) (revision uint64, holder task.Task, err error) {
	text, err := encodeKey(t.ID)
	if err != nil {
		return 0, holder, err
	}
	key := keyRecordOf(t.Owner, t.IdempotencyKey)
	var seen uint64 // revision of the key's record when its task was first missed
	var since time.Time
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if revision, err = k.bucket.Create(ctx, key, text); !natsbroker.Conflict(err) {
			return revision, holder, wrapped(err)
		}
		var id task.ID
		id, revision, err = k.holder(ctx, key)
		switch {
		case errors.Is(err, task.ErrNotFound): // it was freed meanwhile
			continue
		case err != nil, id == t.ID: // an earlier try of the caller's has claimed it
			return revision, holder, err
		}
		holder, err = k.records.get(ctx, id)
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
		if time.Since(since) < k.claimTime {
			natsbroker.Pause(ctx, pause)
			continue
		}
		if ruledOut, err := k.records.ruleOut(ctx, id); err != nil {
			return 0, holder, err
		} else if !ruledOut {
			continue // it has come after all
		}
		if revision, err = k.bucket.Update(ctx, key, text, revision); !natsbroker.Conflict(err) {
			return revision, holder, wrapped(err)
		}
	}
}

// keyRecordOf is the name of the record of an owner's Idempotency-Key. Keys of tasks
// without an owner have the name that they had before tasks had owners; those of owners have
// twice that length, so that none is another's.
func keyRecordOf(owner, key string) string {
	if owner == "" {
		return natsbroker.Key(byKey, natsbroker.Digest(key))
	}
	return natsbroker.Key(byKey, natsbroker.Digest(owner)+natsbroker.Digest(key))
}

// holder returns the ID that an Idempotency-Key is claimed for, and the revision
// of the key's record, which has that name. Errors: task.ErrNotFound.
func (k *keys) holder(ctx context.Context, key string) (id task.ID, revision uint64, err error) {
	entry, err := k.bucket.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", 0, task.ErrNotFound
	}
	if err != nil {
		return "", 0, failure(err)
	}
	id, err = decodeKey(entry.Value())
	if err != nil {
		k.bucket.LeaveOut(entry.Key(), entry.Revision(), err)
		return "", 0, failure(err)
	}
	return id, entry.Revision(), nil
}

// free deletes the record of an Idempotency-Key, of that name, if it is still at that
// revision, and reports whether it was.
func (k *keys) free(ctx context.Context, key string, revision uint64) (freed bool, err error) {
	err = k.bucket.Purge(ctx, key, revision)
	if natsbroker.Conflict(err) {
		return false, nil
	}
	return err == nil, wrapped(err)
}
