package taskstorecontract

import (
	"testing"
	"time"

	"heliograph/domain/task"
)

// patience is much longer than a change takes to be told.
const patience = 30 * time.Second

// watch lets go what comes twice, and what a newer change of the task has made up
// for.
func watch(t *testing.T, f fixture) {
	told := make(chan task.Task, 100)
	stop := f.store.Watch(func(t task.Task) { told <- t })
	missing := map[task.ID]uint64{} // revisions that are to come
	for n := range 3 {
		running := f.createOne(pending(n + 1))
		running.Status = task.Running
		running, err := f.store.Update(t.Context(), running)
		if err != nil {
			t.Fatal(err)
		}
		missing[running.ID] = running.Revision
	}
	newest := map[task.ID]uint64{}
	for over := time.After(patience); len(missing) > 0; {
		select {
		case got := <-told:
			if got.Revision < newest[got.ID] {
				t.Errorf("told of %s at %d after %d", got.ID, got.Revision, newest[got.ID])
			}
			newest[got.ID] = got.Revision
			if got.Revision == missing[got.ID] && got.Status == task.Running {
				delete(missing, got.ID)
			}
		case <-over:
			t.Fatalf("not told of %v", missing)
		}
	}
	stop()
	for len(told) > 0 { // again
		<-told
	}
	f.createOne(pending(9))
	if _, _, err := f.store.List(t.Context(), task.Query{}); err != nil { // it shows what was written
		t.Fatal(err)
	}
	if len(told) > 0 {
		t.Errorf("told of %s after the end", (<-told).ID)
	}
}
