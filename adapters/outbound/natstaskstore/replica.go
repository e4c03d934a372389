package natstaskstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/internal/tasklist"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// Serve keeps the copy of the bucket up to date until ctx ends, which is no
// error. It may be called once.
func (s *Store) Serve(ctx context.Context) error {
	var cleaning sync.WaitGroup
	defer cleaning.Wait()
	cleaning.Go(func() { s.cleaner.freeOrphanedKeys(ctx, orphanAge) })
	cleaning.Go(func() { s.cleaner.forgetSettled(ctx) })
	s.bucket.Follow(ctx, nil, s.replica.clear, s.onChange)
	return nil
}

// onChange brings one change of the bucket into the copy. Of a task whose record
// cannot be read there is none.
func (s *Store) onChange(c natsbroker.Change) error {
	defer s.replica.reached.Set(c.Revision)
	s.reader.serverTime.raise(c.Time)
	kind, id, err := parseKey(c.Key)
	if err == nil && kind == bySettled {
		return s.onSettled(cluster.Life(id), c)
	}
	if err != nil || kind != byID {
		return err
	}
	if c.Deleted {
		s.replica.remove(id)
		return nil
	}
	t, err := s.records.read(id, c.Value, c.Revision)
	if err != nil {
		s.replica.remove(id)
		return err
	}
	s.replica.put(t, c.Time)
	s.watchers.notify(t)
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

// replica is a copy of the tasks in the bucket. It is safe for concurrent use.
type replica struct {
	reached *natsbroker.Position // what is up to there was brought in

	mu    sync.RWMutex  // held for writing while reached goes back
	tasks *tasklist.Set // guarded by mu
}

func newReplica() *replica {
	return &replica{reached: natsbroker.NewPosition(0), tasks: tasklist.NewSet()}
}

func (r *replica) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reached.Set(0)
	r.tasks = tasklist.NewSet()
}

func (r *replica) put(t task.Task, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks.Put(t, at)
}

func (r *replica) remove(id task.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks.Remove(id)
}

func (r *replica) get(id task.ID) (t task.Task, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	stored := r.tasks.Get(id)
	if stored == nil {
		return task.Task{}, false
	}
	return *stored, true
}

func (r *replica) has(id task.ID) bool {
	_, ok := r.get(id)
	return ok
}

// at calls read with the tasks as they are at that revision, or later. Errors:
// ctx.Err().
func (r *replica) at(ctx context.Context, revision uint64, read func(*tasklist.Set)) error {
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
func (r *replica) readFrom(revision uint64, read func(*tasklist.Set)) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.reached.At() < revision {
		return false
	}
	read(r.tasks)
	return true
}
