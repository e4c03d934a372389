package memtaskstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/domain/task"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// filled returns a store with n finished tasks and one that runs.
func filled(tb testing.TB, n int) (*memtaskstore.Store, task.Task) {
	tb.Helper()
	store := memtaskstore.New()
	for i := range n {
		done := task.Task{ID: task.ID(fmt.Sprint("done-", i)), Status: task.Completed, Created: noon.Add(time.Duration(i))}
		if _, err := store.Create(tb.Context(), done); err != nil {
			tb.Fatal(err)
		}
	}
	running, err := store.Create(tb.Context(), task.Task{ID: "running", Status: task.Running, Created: noon.Add(time.Hour)})
	if err != nil {
		tb.Fatal(err)
	}
	return store, running
}

func FuzzCursor(f *testing.F) {
	store, _ := filled(f, 3)
	_, next, err := store.List(f.Context(), task.Query{Limit: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(next)
	f.Add("")
	f.Add("MjAyNi0wMy0wMVQxMjowMDowMFogeA")
	f.Fuzz(func(t *testing.T, cursor string) {
		page, _, err := store.List(t.Context(), task.Query{Cursor: cursor})
		if err != nil && (!errors.Is(err, task.ErrInvalidCursor) || page != nil) {
			t.Errorf("cursor %q: page %v, error %v", cursor, page, err)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	store, running := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Get(b.Context(), running.ID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	store, running := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if running, err = store.Update(b.Context(), running); err != nil {
			b.Fatal(err)
		}
	}
}

// What every browser that connects asks for must not cost more the more tasks
// have finished.
func BenchmarkListUnfinished(b *testing.B) {
	store, _ := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if page, _, err := store.List(b.Context(), task.Query{Unfinished: true}); err != nil || len(page) != 1 {
			b.Fatal(len(page), err)
		}
	}
}
