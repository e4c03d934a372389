package leases_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/access"
	"heliograph/domain/task"
)

// worker is a context of a worker with a key.
func worker(t *testing.T, name string) (context.Context, func(*access.Principal) bool) {
	t.Helper()
	p := &access.Principal{Subject: access.KeySubject + name, Scopes: access.ScopesOf(access.TasksWork)}
	return access.NewContext(t.Context(), p), func(other *access.Principal) bool { return other.Subject == p.Subject }
}

func (f *fixture) takeOn() {
	f.t.Helper()
	t, err := f.store.Create(f.t.Context(), task.Task{ID: "a", Type: "outside", Status: task.Pending, Created: time.Now(), Attempt: 1})
	if err != nil || !f.queue.Reserve(scheduler.PlaceOf(t)) || !f.queue.Put(t, scheduler.PlaceOf(t)) {
		f.t.Fatalf("the task was not taken on: %v", err)
	}
}

func (f *fixture) claim(ctx context.Context) task.Claim {
	f.t.Helper()
	c, err := f.Claim(ctx, []string{"outside"}, "")
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func TestARevokedWorkerLosesItsLeasesAtOnce(t *testing.T) { // A18
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), "one")
		first, isFirst := worker(t, "first")
		_, isSecond := worker(t, "second")
		f.takeOn()
		c := f.claim(first)
		if n := f.EndRevoked(isSecond); n != 0 {
			t.Errorf("%d leases of another were ended", n)
		}
		f.want(task.Running)
		begin := time.Now()
		if n := f.EndRevoked(isFirst); n != 1 {
			t.Errorf("%d leases were ended, want 1", n)
		}
		if got := f.want(task.Failed); got.Error != "worker_lost: its credential was revoked" || got.ErrorCode != task.CodeWorkerLost || time.Since(begin) != 0 {
			t.Errorf("it has failed after %s: %s", time.Since(begin), got.Error)
		}
		if err := f.Complete(first, "a", c.Lease, nil); !errors.Is(err, task.ErrLeaseLost) {
			t.Errorf("Complete: %v, want ErrLeaseLost", err)
		}
	})
}

func TestALeaseIsOfTheWorkerThatReportedLast(t *testing.T) { // A18
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), "one")
		first, isFirst := worker(t, "first")
		second, isSecond := worker(t, "second") // a key that has taken the place of the first
		f.takeOn()
		c := f.claim(first)
		if _, err := f.Progress(second, "a", c.Lease, task.Update{}); err != nil {
			t.Fatal(err)
		}
		if n := f.EndRevoked(isFirst); n != 0 {
			t.Errorf("%d leases were ended", n)
		}
		f.want(task.Running)
		if n := f.EndRevoked(isSecond); n != 1 {
			t.Errorf("%d leases were ended, want 1", n)
		}
		f.want(task.Failed)
	})
}

// A claim waits for a task, and its credential may be revoked meanwhile.
func TestAWorkerThatIsRevokedWhileItWaitsGetsNothing(t *testing.T) { // A18
	synctest.Test(t, func(t *testing.T) {
		f := start(t, memtaskstore.New(), "one")
		first, isFirst := worker(t, "first")
		claimed := make(chan error, 1)
		go func() {
			_, err := f.Claim(first, []string{"outside"}, "")
			claimed <- err
		}()
		synctest.Wait()
		f.EndRevoked(isFirst)
		f.takeOn()
		if err := <-claimed; !errors.Is(err, task.ErrNoTask) {
			t.Errorf("Claim: %v, want ErrNoTask", err)
		}
		if _, err := f.Claim(first, []string{"outside"}, ""); !errors.Is(err, task.ErrNoTask) {
			t.Errorf("another claim: %v, want ErrNoTask", err)
		}
		second, _ := worker(t, "second")
		if c := f.claim(second); c.Task.Attempt != 1 { // it counted for nothing
			t.Errorf("it is attempt %d, want 1", c.Task.Attempt)
		}
	})
}
