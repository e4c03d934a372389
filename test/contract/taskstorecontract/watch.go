package taskstorecontract

import (
	"testing"
	"time"

	"heliograph/domain/task"
)

// waitLimit is much longer than a change takes to be reported.
const waitLimit = 30 * time.Second

// watch lets go what comes twice, and what a newer change of the task has made up
// for.
func watch(t *testing.T, f fixture) {
	changes := make(chan task.Task, 100)
	stop := f.store.Watch(func(t task.Task) { changes <- t })
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
	for over := time.After(waitLimit); len(missing) > 0; {
		select {
		case got := <-changes:
			if got.Revision < newest[got.ID] {
				t.Errorf("got %s at %d after %d", got.ID, got.Revision, newest[got.ID])
			}
			newest[got.ID] = got.Revision
			if got.Revision == missing[got.ID] && got.Status == task.Running {
				delete(missing, got.ID)
			}
		case <-over:
			t.Fatalf("got no change of %v", missing)
		}
	}
	stop()
	for len(changes) > 0 { // again
		<-changes
	}
	f.createOne(pending(9))
	if _, _, err := f.store.List(t.Context(), task.Query{}); err != nil { // it shows what was written
		t.Fatal(err)
	}
	if len(changes) > 0 {
		t.Errorf("got %s after the end", (<-changes).ID)
	}
}
