package taskstorecontract

import (
	"testing"
	"time"

	"heliograph/domain/task"
)

// patience is much longer than a change takes to be told.
const patience = 30 * time.Second

// watch leaves out what comes twice.
func watch(t *testing.T, f fixture) {
	told := make(chan task.Task, 100)
	newest := map[task.ID]uint64{}
	stop := f.store.Watch(func(t task.Task) {
		if t.Revision > newest[t.ID] {
			newest[t.ID] = t.Revision
			told <- t
		}
	})
	var want []task.Task
	for n := range 3 {
		created := f.createOne(pending(n + 1))
		running := created
		running.Status = task.Running
		running, err := f.store.Update(t.Context(), running)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, created, running)
	}
	for _, w := range want {
		select {
		case got := <-told:
			if got.ID != w.ID || got.Revision != w.Revision || got.Status != w.Status {
				t.Errorf("told of %s at %d, %s; want %s at %d, %s", got.ID, got.Revision, got.Status, w.ID, w.Revision, w.Status)
			}
		case <-time.After(patience):
			t.Fatalf("not told of %s at %d", w.ID, w.Revision)
		}
	}
	stop()
	f.createOne(pending(9))
	if _, _, err := f.store.List(t.Context(), task.Query{}); err != nil { // it shows what was written
		t.Fatal(err)
	}
	if len(told) > 0 {
		t.Errorf("told of %s after the end", (<-told).ID)
	}
}
