package taskstorecontract

import (
	"errors"
	"sync"
	"testing"

	"heliograph/domain/task"
)

const (
	lives    = 20 // tasks that are created and deleted in turn
	starters = 4  // callers that create with the key while it is deleted
)

// createBesideDelete has a finished task deleted while others create one with its
// key. Each of them must get the finished task or a new one; the finished one must
// be gone once Delete returned, and never be pending again.
func createBesideDelete(t *testing.T, f fixture) {
	n := 0
	newTask := func() task.Task { n++; return withKey(n) }
	for range lives {
		old := f.update(f.createOne(newTask()), finish(1))
		var all sync.WaitGroup
		for range starters {
			mine := newTask()
			all.Go(func() { f.createOrFind(mine, old) })
		}
		all.Go(func() { f.remove(old) })
		all.Wait()

		if again, err := f.store.Get(t.Context(), old.ID); !errors.Is(err, task.ErrNotFound) {
			t.Fatalf("task %s was deleted and is there again: %s, %v", old.ID, again.Status, err)
		}
		f.freeKey()
	}
}

// createOrFind creates mine, or finds the task that has its key; old is the one
// that is being deleted.
func (f fixture) createOrFind(mine, old task.Task) {
	got, err := f.store.Create(f.t.Context(), mine)
	if err != nil && !errors.Is(err, task.ErrDuplicate) {
		f.t.Errorf("create %s: %v", mine.ID, err)
		return
	}
	switch {
	case got.ID == old.ID && got.Status != task.Completed:
		f.t.Errorf("the task that was completed is %s", got.Status)
	case got.ID == old.ID && err == nil:
		f.t.Error("the task that was there already counts as created")
	case got.IdempotencyKey != mine.IdempotencyKey:
		f.t.Errorf("found %s with the key %q", got.ID, got.IdempotencyKey)
	}
}

// freeKey deletes the one task that has the key of withKey, if there is one.
func (f fixture) freeKey() {
	f.t.Helper()
	page, _ := f.page(task.Query{})
	if len(page) > 1 {
		f.t.Fatalf("%d tasks have one key: %v", len(page), idsOf(page))
	}
	for _, t := range page {
		if got, err := f.store.ByKey(f.t.Context(), t.Owner, t.IdempotencyKey); err != nil || got.ID != t.ID {
			f.t.Fatalf("by its key: %s, %v; want %s", got.ID, err, t.ID)
		}
		f.remove(t)
	}
}
