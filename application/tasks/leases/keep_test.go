package leases_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/domain/task"
	"heliograph/test/taskparts"
)

func TestAWorkerThatPrintsKeepsItsLease(t *testing.T) { // T21, T2
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), "one")
		c := f.claims()
		for range 10 {
			pass(c.Term - time.Second)
			if err := f.KeepLease(t.Context(), "a", c.Lease); err != nil {
				t.Fatal(err)
			}
		}
		f.want(task.Running)
		if n := f.Remembered(); n != 0 {
			t.Errorf("%d leases are remembered that this node follows itself", n)
		}
		if err := f.KeepLease(t.Context(), "a", "another"); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("another lease: %v", err)
		}
		if err := f.KeepLease(t.Context(), "b", c.Lease); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("another task: %v", err)
		}
		pass(c.Term + time.Second)
		f.want(task.Failed)
		if err := f.KeepLease(t.Context(), "a", c.Lease); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestAWorkerMayPrintThroughAnyNode(t *testing.T) { // T21
	synctest.Test(t, func(t *testing.T) {
		store := taskparts.SharedStore{Store: memtaskstore.New()}
		one, two := start(t, store, "one"), start(t, store, "two")
		c := one.claims()
		for range 1000 { // a thousand lines a second
			if err := two.KeepLease(t.Context(), "a", c.Lease); err != nil {
				t.Fatal(err)
			}
			pass(time.Millisecond)
		}
		if got := one.want(task.Running); got.Node != one.nodes.self || got.Reports < 2 || got.Reports > 3 {
			t.Errorf("the record was changed %d times: %+v", got.Reports, got)
		}
		if n := two.Remembered(); n != 1 {
			t.Errorf("%d leases are remembered", n)
		}
		pass(c.Term - time.Second) // after what it printed
		one.want(task.Running)
		if err := one.Complete(t.Context(), "a", c.Lease, nil); err != nil {
			t.Fatal(err)
		}
		if err := two.KeepLease(t.Context(), "a", c.Lease); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("after its end: %v", err)
		}
	})
}

// pass lets time go by, in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestTheSignOfAWorkerIsTheLastThatItGave(t *testing.T) { // W7
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), "one")
		c := f.claims()
		begun := time.Now()
		if got := f.run.Running.Get("a").Sign(); !got.Last.Equal(begun) || got.Term != c.Term {
			t.Errorf("at the beginning: %+v", got)
		}
		pass(c.Term / 2)
		if _, err := f.Progress(t.Context(), "a", c.Lease, task.Update{}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := f.run.Running.Get("a").Sign(); !got.Last.Equal(begun.Add(c.Term / 2)) {
			t.Errorf("after a report: %+v", got)
		}
		if err := f.Complete(t.Context(), "a", c.Lease, nil); err != nil {
			t.Fatal(err)
		}
	})
}
