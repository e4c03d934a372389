package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/application/tasks/scheduler"
	"heliograph/domain/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a queue for a pool of two workers, with three places per type.
type fixture struct {
	*scheduler.Queue
	t *testing.T
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	types := []task.Type{
		{Name: "pool"},
		{Name: "urgent", Policy: task.Policy{Priority: 5}},
		{Name: "narrow", Policy: task.Policy{Concurrency: 1}},
		{Name: "outside", Outside: true},
		{Name: "second", Outside: true},
	}
	return &fixture{t: t, Queue: scheduler.New(scheduler.Sizes{Workers: 2, Waiting: 3, Scheduled: 5}, types)}
}

func waiting(typ string, id task.ID) task.Task {
	return task.Task{ID: id, Type: typ, Status: task.Pending, Params: json.RawMessage(`{}`)}
}

func place(typ string, bytes int) scheduler.Place { return scheduler.Place{Type: typ, Bytes: bytes} }

// waits returns how many tasks wait in the queue.
func (f *fixture) waits() int {
	waiting, _ := f.Figures.Len()
	return waiting
}

// starts takes a task on.
func (f *fixture) starts(typ string, id task.ID) {
	f.t.Helper()
	t := waiting(typ, id)
	if !f.Reserve(scheduler.PlaceOf(t)) || !f.Put(t, scheduler.PlaceOf(t)) {
		f.t.Fatalf("%s of %s was not taken on", id, typ)
	}
}

func pooled(typ *task.Type) bool { return !typ.Outside }

func named(name string) func(*task.Type) bool {
	return func(typ *task.Type) bool { return typ.Name == name }
}

// next takes what is ready, or nil.
func (f *fixture) next(wants func(*task.Type) bool) *scheduler.Entry {
	f.t.Helper()
	ended, end := context.WithCancel(f.t.Context())
	end()
	e, err := f.Next(ended, wants)
	if e == nil && !errors.Is(err, context.Canceled) {
		f.t.Fatalf("next: %v", err)
	}
	return e
}

// wantNext checks which tasks are ready, in order; they are taken.
func (f *fixture) wantNext(wants func(*task.Type) bool, ids ...task.ID) (taken []*scheduler.Entry) {
	f.t.Helper()
	var got []task.ID
	for e := f.next(wants); e != nil; e = f.next(wants) {
		got, taken = append(got, e.ID), append(taken, e)
	}
	if !slices.Equal(got, ids) {
		f.t.Errorf("ready are %v, want %v", got, ids)
	}
	return taken
}

func TestTheHighestPriorityGoesFirstAndThenTheOldest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.starts("pool", "a")
	f.starts("outside", "outside")
	f.starts("narrow", "b")
	f.starts("urgent", "c")
	f.starts("pool", "d")
	f.wantNext(pooled, "c", "a", "b", "d")
	f.wantNext(named("second"))
	f.wantNext(named("outside"), "outside")
}

func TestATypeRunsNoMoreTasksAtATimeThanItMay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.starts("narrow", "a")
	f.starts("narrow", "b")
	taken := f.wantNext(pooled, "a")
	f.Done(taken[0])
	taken = f.wantNext(pooled, "b")
	f.starts("narrow", "c")
	if !f.Again(taken[0], 0) { // in its old position
		t.Error("the queue is closed")
	}
	f.wantNext(pooled, "b")
}

func TestATaskIsBegunAtOnceWhenAWorkerIsIdleForIt(t *testing.T) { // T3
	t.Parallel()
	f := newFixture(t)
	want := func(when, typ string, want bool) {
		t.Helper()
		if f.Idle(place(typ, 0)) != want {
			t.Errorf("%s, %s is begun at once: %t", when, typ, !want)
		}
		if !f.Reserve(place(typ, 0)) {
			t.Fatal("there is no place")
		}
		if f.PutIdle(waiting(typ, task.ID(when)), place(typ, 0)) != want {
			t.Errorf("%s, %s is put in: %t", when, typ, !want)
		}
		if !want {
			f.Release(place(typ, 0))
		}
	}
	want("at first", "narrow", true)
	want("while another is there", "narrow", false)
	f.starts("narrow", "blocked") // and keeps no worker
	want("beside those", "pool", true)
	want("when both workers have one", "urgent", false)
	taken := f.wantNext(pooled, "at first", "beside those")
	want("when both workers run one", "pool", false)
	f.Done(taken[0]) // its place is for the one that waits
	want("when the one that waited has the worker", "pool", false)
	want("without a worker outside", "outside", false)
	got := make(chan *scheduler.Entry, 1)
	go func() {
		e, _ := f.Next(t.Context(), named("outside"))
		got <- e
	}()
	for !f.Idle(place("outside", 0)) {
		runtime.Gosched()
	}
	want("for a worker of another type", "second", false)
	want("with a worker outside", "outside", true)
	if e := <-got; e.ID != "with a worker outside" {
		t.Errorf("the worker has %s", e.ID)
	}
	want("when the worker has one", "outside", false)
	f.Close()
	if f.Idle(place("outside", 0)) || f.Idle(place("pool", 0)) {
		t.Error("a closed queue begins something")
	}
}

func TestEachTypeHasPlacesOfItsOwn(t *testing.T) { // T1
	t.Parallel()
	f := newFixture(t)
	fill := func(typ string) (places int) {
		for f.Reserve(place(typ, 2)) {
			places++
		}
		return places
	}
	if n := fill("outside"); n != 3 {
		t.Errorf("of a type for workers outside %d wait", n)
	}
	if n := fill("pool"); n != 2+3 { // the workers are places, too
		t.Errorf("of a type of the pool %d are taken on", n)
	}
	f.Release(place("pool", 2))
	if n := fill("pool"); n != 1 {
		t.Errorf("where one was given back there are %d places", n)
	}
	if n := fill("urgent"); n != 3 {
		t.Errorf("of another one %d are taken on", n)
	}
}

func TestAPlaceOfThePoolIsHeldUntilTheTaskIsDoneAndOneOutsideUntilItIsTaken(t *testing.T) { // T1
	t.Parallel()
	f := newFixture(t)
	for i := range 5 {
		f.starts("pool", task.ID(fmt.Sprint("pool-", i)))
	}
	for i := range 3 {
		f.starts("outside", task.ID(fmt.Sprint("outside-", i)))
	}
	inPool, outside := f.next(pooled), f.next(named("outside"))
	if f.Reserve(place("pool", 0)) || !f.Reserve(place("outside", 0)) || f.Reserve(place("outside", 0)) {
		t.Error("a place of the pool was given free, or one outside was not")
	}
	f.Done(inPool)
	if !f.Reserve(place("pool", 0)) || f.Reserve(place("pool", 0)) {
		t.Error("the place of a task that is done was not given free, or more were")
	}
	f.Done(outside)
	if f.Reserve(place("outside", 0)) {
		t.Error("a place that was free was given free again")
	}
}

func TestTheParamsOfOneTypeLeaveRoomForOthers(t *testing.T) { // T1
	t.Parallel()
	const mib = 1 << 20
	q := scheduler.New(scheduler.Sizes{Workers: 1, Waiting: 1_000_000}, []task.Type{{Name: "a", Outside: true}, {Name: "b", Outside: true}, {Name: "c", Outside: true}, {Name: "d", Outside: true}})
	fill := func(typ string, size int) (n int) {
		for q.Reserve(place(typ, size)) {
			n++
		}
		return n
	}
	for _, c := range []struct {
		typ        string
		size, want int
	}{
		{"a", 8 * mib, (32 + 128) / 8}, // its share, and the half that all share
		{"b", 8 * mib, 32 / 8},
		{"a", mib, 0},
		{"c", 33 * mib, 0}, // over its share
		{"c", 32 * mib, 1},
	} {
		if n := fill(c.typ, c.size); n != c.want {
			t.Errorf("%d params of %s of %d bytes wait, want %d", n, c.typ, c.size, c.want)
		}
	}
	q.Release(place("a", 8*mib))
	if n := fill("d", 40*mib); n != 1 {
		t.Errorf("where room was given back %d more wait", n)
	}
	if !q.Reserve(place("b", 0)) {
		t.Error("a task without params was refused")
	}
}

func TestTheCallThatHasWaitedLongestGetsTheNextTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		got := make(chan string, 3)
		for i, typ := range []string{"outside", "second", "outside"} {
			go func() {
				e, err := f.Next(t.Context(), named(typ))
				if err != nil {
					got <- err.Error()
					return
				}
				got <- fmt.Sprint(i, " ", e.ID)
			}()
			synctest.Wait()
		}
		for _, c := range []struct {
			typ  string
			id   task.ID
			want string
		}{{"outside", "a", "0 a"}, {"outside", "b", "2 b"}, {"second", "c", "1 c"}} {
			f.starts(c.typ, c.id)
			if g := <-got; g != c.want {
				t.Errorf("%q, want %q", g, c.want)
			}
		}
	})
}

func TestARepeatedChangeOfATaskCountsOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Offer(waiting("outside", "a"), 0)
	f.Offer(waiting("outside", "a"), 0)
	if f.waits() != 1 || !f.IDs()["a"] {
		t.Errorf("%d wait: %v", f.waits(), f.IDs())
	}
	e := f.next(named("outside"))
	f.Offer(waiting("outside", "a"), 0) // it is taken
	running := waiting("outside", "a")
	running.Status, running.Lease = task.Running, e.Lease
	f.Remove(running) // which is what this entry has begun
	if f.waits() != 0 || !f.Holds(running) {
		t.Errorf("%d wait, the entry is held: %t", f.waits(), f.Holds(running))
	}
	f.Done(e)
	if len(f.IDs()) != 0 {
		t.Errorf("known are %v", f.IDs())
	}
}

// The node that takes a task on learns that another node's attempt at it has failed before
// its own start is recorded.
func TestAStartDoesNotEndTheBackOffOfALaterAttempt(t *testing.T) { // T18
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		first := waiting("outside", "a")
		again := first
		first.Attempt, again.Attempt = 1, 2
		if !f.Reserve(scheduler.PlaceOf(first)) {
			t.Fatal("there is no place")
		}
		f.Offer(again, time.Hour)
		if !f.Put(first, scheduler.PlaceOf(first)) {
			t.Fatal("it was not taken on")
		}
		<-time.After(time.Hour - 1)
		f.wantNext(named("outside"))
		<-time.After(1)
		synctest.Wait()
		if e := f.next(named("outside")); e == nil || e.Attempt != 2 {
			t.Errorf("after its back-off it is %+v", e)
		}
		if f.waits() != 0 || !f.Reserve(place("outside", 0)) || !f.Reserve(place("outside", 0)) || !f.Reserve(place("outside", 0)) {
			t.Errorf("%d wait, or their places are not free", f.waits())
		}
	})
}

func TestATaskThatIsNoLongerPendingIsTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.starts("outside", "a")
		f.Offer(waiting("outside", "b"), time.Hour)
		for _, id := range []task.ID{"a", "b", "c"} {
			f.Remove(task.Task{ID: id, Type: "outside", Status: task.Cancelled})
		}
		<-time.After(2 * time.Hour)
		f.wantNext(named("outside"))
		if f.waits() != 0 || !f.Reserve(place("outside", 0)) || !f.Reserve(place("outside", 0)) || !f.Reserve(place("outside", 0)) {
			t.Errorf("%d wait, or their places are not free", f.waits())
		}
	})
}

func TestPendingTasksAreReturnedWhenTheQueueIsClosed(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.starts("outside", "a")
		f.starts("outside", "b")
		taken := f.next(named("outside"))
		f.Offer(waiting("pool", "c"), time.Hour)
		f.starts("second", "d")
		refused := make(chan error)
		go func() {
			_, err := f.Next(t.Context(), named("urgent"))
			refused <- err
		}()
		synctest.Wait()
		var left []task.ID
		for _, e := range f.Close() {
			left = append(left, e.ID)
		}
		if want := []task.ID{"b", "c", "d"}; !slices.Equal(left, want) {
			t.Errorf("left are %v, want %v", left, want)
		}
		if err := <-refused; !errors.Is(err, task.ErrShuttingDown) {
			t.Errorf("what waited for a task got %v", err)
		}
		if _, err := f.Next(t.Context(), pooled); !errors.Is(err, task.ErrShuttingDown) || f.Again(taken, 0) || f.Put(waiting("outside", "e"), place("outside", 0)) {
			t.Errorf("the queue goes on: %v", err)
		}
	})
}

func TestAnAttemptHasOneLeaseFromWhenItIsTaken(t *testing.T) { // T2
	t.Parallel()
	f := newFixture(t)
	f.starts("pool", "a")
	f.starts("pool", "b")
	if f.Holds(waiting("pool", "a")) {
		t.Error("a task that waits is held by an attempt")
	}
	e := f.next(pooled)
	first := e.Lease
	if held := (task.Task{ID: "a", Lease: first}); first == "" || !f.Holds(held) {
		t.Errorf("it was taken with the lease %q", first)
	}
	if f.Again(e, 0); f.next(pooled).Lease != first { // its beginning may have been recorded
		t.Errorf("it was taken again with another lease")
	}
	if other := f.next(pooled); other.ID != "b" || other.Lease == first {
		t.Errorf("the next is %+v", other)
	}
}

func TestATaskOfAnUnknownTypeCanBeAdopted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	gone := task.Task{ID: "a", Type: "gone", Status: task.Running, Lease: "lease"}
	e := f.Adopt(gone)
	if e.Type().Name != "gone" || e.Lease != "lease" || !f.Holds(gone) || f.Type("gone") != nil {
		t.Errorf("the entry is %+v", e)
	}
	if next := e.Next(3); next.ID != "a" || next.Attempt != 3 || next.Lease == "lease" || next.Lease == "" {
		t.Errorf("the entry of the next attempt is %+v", next)
	}
	f.Done(e)
	if f.Holds(gone) {
		t.Error("it is still held")
	}
}
