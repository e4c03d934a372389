package natstaskstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/task"
)

// listTime bounds the wait for the copy to be as new as the bucket.
const listTime = 5 * time.Second

// Serve keeps the copy of the bucket up to date until ctx ends, which is no
// error. It may be called once.
func (s *Store) Serve(ctx context.Context) error {
	s.broker.FollowBucket(ctx, bucket, []string{byID + ".*", bySync + ".*"}, s.replica.clear, s.hear)
	return nil
}

// hear brings one change of the bucket into the copy. Of a task whose record cannot
// be read there is none.
func (s *Store) hear(c natsbroker.Change) error {
	defer s.replica.reached.Set(c.Revision)
	kind, id, err := parseKey(c.Key)
	if err != nil {
		return err
	}
	switch {
	case kind != byID:
		s.replica.tick(c.Time)
	case c.Deleted:
		s.replica.remove(id)
	default:
		t, err := decode(id, c.Value, c.Revision)
		if err != nil {
			s.replica.remove(id)
			return err
		}
		s.replica.set(t, c.Time)
		s.watchers.tell(t)
	}
	return nil
}

// parseKey returns the two parts of a key.
func parseKey(key string) (kind string, id task.ID, err error) {
	parts, err := natsbroker.Parts(key)
	if err != nil || len(parts) != 2 {
		return "", "", fmt.Errorf("key %q is no task's: %w", key, err)
	}
	return parts[0], task.ID(parts[1]), nil
}

// current returns all tasks, no older than any change that anybody knows of: it
// writes, and waits until what was written comes back behind all that was before.
func (s *Store) current(ctx context.Context) (all []task.Task, err error) {
	err = s.sync(ctx, func(r *replica) { all = slices.Collect(maps.Values(r.tasks)) })
	return all, err
}

// sync calls read with the copy when it is as current says, under its lock.
func (s *Store) sync(ctx context.Context, read func(*replica)) error {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	revision, err := s.kv.Put(ctx, natsbroker.Key(bySync, s.node), nil)
	if err != nil {
		return failure(err)
	}
	if err := s.replica.at(ctx, revision, read); err != nil {
		return failure(err)
	}
	return nil
}

// replica is a copy of the tasks in the bucket. It is safe for concurrent use.
type replica struct {
	reached *natsbroker.Position // what is up to there was brought in

	mu       sync.Mutex            // held while reached goes back
	tasks    map[task.ID]task.Task // guarded by mu
	finished *tasklist.Finished    // guarded by mu
	now      time.Time             // the server's, when it took the newest change; guarded by mu
}

func newReplica() *replica {
	return &replica{reached: natsbroker.NewPosition(0), tasks: make(map[task.ID]task.Task), finished: tasklist.NewFinished()}
}

func (r *replica) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reached.Set(0)
	clear(r.tasks)
	r.finished = tasklist.NewFinished()
}

func (r *replica) set(t task.Task, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks[t.ID] = t
	if t.Status.Terminal() {
		r.finished.Add(&t, at)
	}
}

// tick says what time it is at the server.
func (r *replica) tick(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = now
}

func (r *replica) remove(id task.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tasks, id)
	r.finished.Remove(id)
}

// at calls read with the copy as it is at that revision, or later. Errors:
// ctx.Err().
func (r *replica) at(ctx context.Context, revision uint64, read func(*replica)) error {
	for {
		if err := r.reached.Wait(ctx, revision); err != nil {
			return err
		}
		if r.readFrom(revision, read) {
			return nil
		}
	}
}

// readFrom calls read, unless the copy was begun anew.
func (r *replica) readFrom(revision uint64, read func(*replica)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reached.At() < revision {
		return false
	}
	read(r)
	return true
}
