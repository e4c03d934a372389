package natstaskstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"heliograph/adapters/internal/natsbroker"
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

// hear brings one change of the bucket into the copy.
func (s *Store) hear(c natsbroker.Change) error {
	kind, id, err := parseKey(c.Key)
	if err != nil {
		return err
	}
	switch {
	case kind != byID:
	case c.Deleted:
		s.replica.remove(id)
	default:
		t, err := decode(c.Value, c.Revision)
		if err != nil {
			return err
		}
		s.replica.set(t)
		s.watchers.tell(t)
	}
	s.replica.reached.Set(c.Revision)
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
func (s *Store) current(ctx context.Context) ([]task.Task, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	revision, err := s.kv.Put(ctx, natsbroker.Key(bySync, s.node), nil)
	if err != nil {
		return nil, failure(err)
	}
	all, err := s.replica.at(ctx, revision)
	if err != nil {
		return nil, failure(err)
	}
	return all, nil
}

// replica is a copy of the tasks in the bucket. It is safe for concurrent use.
type replica struct {
	reached *natsbroker.Position // what is up to there was brought in

	mu    sync.Mutex            // held while reached goes back
	tasks map[task.ID]task.Task // guarded by mu
}

func newReplica() *replica {
	return &replica{reached: natsbroker.NewPosition(0), tasks: make(map[task.ID]task.Task)}
}

func (r *replica) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reached.Set(0)
	clear(r.tasks)
}

func (r *replica) set(t task.Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks[t.ID] = t
}

func (r *replica) remove(id task.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tasks, id)
}

// at returns all tasks as they are at that revision, or later. Errors: ctx.Err().
func (r *replica) at(ctx context.Context, revision uint64) ([]task.Task, error) {
	for {
		if err := r.reached.Wait(ctx, revision); err != nil {
			return nil, err
		}
		if all, ok := r.all(revision); ok {
			return all, nil
		}
	}
}

// all returns all tasks, unless the copy was begun anew.
func (r *replica) all(revision uint64) (all []task.Task, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reached.At() < revision {
		return nil, false
	}
	return slices.Collect(maps.Values(r.tasks)), true
}
