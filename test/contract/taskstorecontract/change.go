package taskstorecontract

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/task"
)

// racers is how many try the same thing at once.
const racers = 16

func createThenGet(t *testing.T, f fixture) {
	stored := f.createOne(pending(1))
	if stored.ID != pending(1).ID || stored.Revision == 0 {
		t.Errorf("Create returned %s with revision %d", stored.ID, stored.Revision)
	}
	f.want(stored)
}

func everyField(t *testing.T, f fixture) {
	stored := f.createOne(full())
	want := full()
	want.Revision = stored.Revision
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("created task (-want +got):\n%s", diff)
	}
	f.want(stored)
}

func scheduled(t *testing.T, f fixture) {
	given := pending(1)
	given.RunAt, given.NotBefore = given.Created.Add(time.Hour), given.Created.Add(time.Hour)
	stored := f.createOne(given)
	if !stored.Scheduled() || !stored.RunAt.Equal(given.RunAt) || !stored.NotBefore.Equal(given.NotBefore) {
		t.Errorf("stored is %+v", stored)
	}
	f.want(stored)
	f.wantList(task.Query{Status: task.Pending, Unfinished: true, Unsettled: true}, 1)
	begun := f.update(stored, func(t *task.Task) { t.Status, t.NotBefore = task.Running, time.Time{} })
	if !begun.RunAt.Equal(given.RunAt) {
		t.Errorf("when it is begun its RunAt is %s", begun.RunAt)
	}
	f.want(begun)
}

func duplicateID(t *testing.T, f fixture) {
	first := f.createOne(pending(1))
	second := pending(1)
	second.Type = "other"
	got, err := f.store.Create(t.Context(), second)
	f.wantError(err, task.ErrDuplicate)
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("holder of the ID (-want +got):\n%s", diff)
	}
	f.want(first)
}

func duplicateKey(t *testing.T, f fixture) {
	first := f.createOne(withKey(1))
	got, err := f.store.Create(t.Context(), withKey(2))
	f.wantError(err, task.ErrDuplicate)
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("holder of the key (-want +got):\n%s", diff)
	}
	_, err = f.store.Get(t.Context(), pending(2).ID)
	f.wantError(err, task.ErrNotFound)
}

func createRace(t *testing.T, f fixture) {
	holders := make([]task.ID, racers)
	won := race(func(i int) error {
		stored, err := f.store.Create(t.Context(), withKey(i))
		holders[i] = stored.ID
		return err
	}, task.ErrDuplicate, t)
	for _, id := range holders {
		if id != holders[won] {
			t.Errorf("one caller got %s, the winner is %s", id, holders[won])
		}
	}
}

func noKey(_ *testing.T, f fixture) { f.create(pending(1), pending(2)) }

func getUnknown(t *testing.T, f fixture) {
	_, err := f.store.Get(t.Context(), "no-such-task")
	f.wantError(err, task.ErrNotFound)
}

func update(t *testing.T, f fixture) {
	created := f.createOne(pending(1))
	updated := f.update(created, func(t *task.Task) { *t = withRevision(full(), t.Revision) })
	if updated.Revision == created.Revision {
		t.Error("the revision is still the same")
	}
	if updated.Status != task.Failed || updated.Progress.Text != "half" {
		t.Errorf("Update returned %+v", updated)
	}
	f.want(updated)
}

func byKey(t *testing.T, f fixture) {
	f.create(pending(1))
	held := f.update(f.createOne(withKey(2)), func(t *task.Task) { t.Status = task.Running })
	got, err := f.store.ByKey(t.Context(), "", "key")
	f.wantError(err, nil)
	f.want(got)
	if got.ID != held.ID {
		t.Errorf("ByKey returned %s, want %s", got.ID, held.ID)
	}
}

func byKeyUnknown(t *testing.T, f fixture) {
	f.create(pending(1))
	_, err := f.store.ByKey(t.Context(), "", "other")
	f.wantError(err, task.ErrNotFound)
	f.remove(f.createOne(withKey(2)))
	_, err = f.store.ByKey(t.Context(), "", "key")
	f.wantError(err, task.ErrNotFound)
}

func updateConflict(t *testing.T, f fixture) {
	old := f.createOne(pending(1))
	current := f.update(old, func(t *task.Task) { t.Seq = 1 })
	old.Seq = 99
	_, err := f.store.Update(t.Context(), old)
	f.wantError(err, task.ErrConflict)
	f.want(current)
}

func updateUnknown(t *testing.T, f fixture) {
	_, err := f.store.Update(t.Context(), pending(1))
	f.wantError(err, task.ErrNotFound)
}

func updateRace(t *testing.T, f fixture) {
	created := f.createOne(pending(1))
	won := race(func(i int) error {
		mine := created
		mine.Attempt = i
		_, err := f.store.Update(t.Context(), mine)
		return err
	}, task.ErrConflict, t)
	if got := f.get(created.ID).Attempt; got != won {
		t.Errorf("stored is what caller %d wrote, the winner is %d", got, won)
	}
}

func updateRetried(t *testing.T, f fixture) {
	created := f.createOne(pending(1))
	var all sync.WaitGroup
	for range racers {
		all.Go(func() {
			for err := task.ErrConflict; errors.Is(err, task.ErrConflict); {
				mine, _ := f.store.Get(t.Context(), created.ID)
				mine.Seq++
				_, err = f.store.Update(t.Context(), mine)
			}
		})
	}
	all.Wait()
	if got := f.get(created.ID).Seq; got != racers {
		t.Errorf("%d callers added one each, the sum is %d", racers, got)
	}
}

func deleteRemoves(t *testing.T, f fixture) {
	created := f.create(pending(1), pending(2))
	f.remove(created[0])
	_, err := f.store.Get(t.Context(), created[0].ID)
	f.wantError(err, task.ErrNotFound)
	f.wantList(task.Query{}, 2)
}

func deleteConflict(t *testing.T, f fixture) {
	old := f.createOne(pending(1))
	current := f.update(old, func(t *task.Task) { t.Seq = 1 })
	f.wantError(f.store.Delete(t.Context(), old), task.ErrConflict)
	f.want(current)
}

func deleteUnknown(t *testing.T, f fixture) {
	f.wantError(f.store.Delete(t.Context(), pending(1)), task.ErrNotFound)
}

func deleteFreesKey(_ *testing.T, f fixture) {
	f.remove(f.createOne(withKey(1)))
	f.want(f.createOne(withKey(2)))
}

func revisionOfDeleted(t *testing.T, f fixture) {
	deleted := f.createOne(pending(1))
	f.remove(deleted)
	_, err := f.store.Update(t.Context(), deleted)
	f.wantError(err, task.ErrNotFound)
	f.wantError(f.store.Delete(t.Context(), deleted), task.ErrNotFound)
	f.wantList(task.Query{})
}

func (f fixture) remove(t task.Task) {
	f.t.Helper()
	if err := f.store.Delete(f.t.Context(), t); err != nil {
		f.t.Fatalf("delete %s: %v", t.ID, err)
	}
}

// withKey returns the nth task, with the key that all of them share.
func withKey(n int) task.Task {
	t := pending(n)
	t.IdempotencyKey = "key"
	return t
}

func withRevision(t task.Task, revision uint64) task.Task {
	t.Revision = revision
	return t
}

// race lets all racers try at once and returns the one that succeeded; the
// others must get the error lost.
func race(try func(i int) error, lost error, t *testing.T) (won int) {
	t.Helper()
	errs := make([]error, racers)
	var all sync.WaitGroup
	for i := range racers {
		all.Go(func() { errs[i] = try(i) })
	}
	all.Wait()
	winners := 0
	for i, err := range errs {
		if err == nil {
			won = i
			winners++
		} else if !errors.Is(err, lost) {
			t.Errorf("a caller got %v, want %v", err, lost)
		}
	}
	if winners != 1 {
		t.Fatalf("%d callers succeeded, want 1", winners)
	}
	return won
}
