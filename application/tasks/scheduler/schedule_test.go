package scheduler_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/application/tasks/scheduler"
	"heliograph/domain/task"
)

// scheduled is a task that is to run after that time.
func scheduled(typ string, id task.ID, after time.Duration) task.Task {
	t := waiting(typ, id)
	t.Attempt, t.Created = 1, time.Now()
	t.RunAt = t.Created.Add(after)
	t.NotBefore = t.RunAt
	return t
}

// schedules takes a task on that is to run later.
func (f *fixture) schedules(typ string, id task.ID, after time.Duration) {
	f.t.Helper()
	t := scheduled(typ, id, after)
	if p := scheduler.PlaceOf(t); !p.Scheduled || !f.Reserve(p) || !f.Put(t, p) {
		f.t.Fatalf("%s of %s was not taken on", id, typ)
	}
}

func (f *fixture) wantWaiting(waiting, scheduled int) {
	f.t.Helper()
	if w, s := f.Figures.Len(); w != waiting || s != scheduled {
		f.t.Errorf("%d wait and %d are scheduled, want %d and %d", w, s, waiting, scheduled)
	}
}

func TestAScheduledTaskTakesNoPlaceBeforeItsTime(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.schedules("outside", "later", 90*time.Minute)
		for _, id := range []task.ID{"a", "b", "c"} { // all places
			f.starts("outside", id)
		}
		f.wantWaiting(3, 1)
		f.wantNext(named("outside"), "a", "b", "c")
		<-time.After(90*time.Minute - 1)
		synctest.Wait()
		f.wantNext(named("outside"))
		<-time.After(1)
		synctest.Wait()
		f.wantWaiting(1, 0)
		f.wantNext(named("outside"), "later")
	})
}

func TestATaskWhoseTimeHasComeWaitsForAPlaceAndIsNotLost(t *testing.T) { // T19, T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for i := range 4 {
			f.schedules("outside", task.ID(fmt.Sprint("later-", i)), time.Hour)
		}
		f.schedules("second", "other", time.Hour)
		f.starts("outside", "a")
		f.starts("outside", "b")
		<-time.After(time.Hour)
		synctest.Wait()
		f.wantWaiting(4, 3) // one was free, and the other type has its own
		if f.Reserve(place("outside", 0)) {
			t.Error("a new task went before those whose time has come")
		}
		f.wantNext(named("second"), "other")
		first := f.next(named("outside"))
		f.wantWaiting(3, 2)
		f.Remove(task.Task{ID: "later-2", Type: "outside", Status: task.Cancelled}) // which waits for its place
		f.wantWaiting(3, 1)
		taken := f.wantNext(named("outside"), "b", "later-0", "later-1", "later-3")
		for _, e := range append(taken, first) {
			f.Done(e)
		}
		f.wantWaiting(0, 0)
		for i := range 3 {
			if !f.Reserve(place("outside", 0)) {
				t.Errorf("place %d of 3 is not free", i+1)
			}
		}
		if f.Reserve(place("outside", 0)) {
			t.Error("there are more places than before")
		}
	})
}

func TestAPlaceOfThePoolThatIsGivenFreeGoesToTheTaskWhoseTimeHasCome(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for i := range 5 { // two run, three wait
			f.starts("pool", task.ID(fmt.Sprint(i)))
		}
		running := []*scheduler.Entry{f.next(pooled), f.next(pooled)}
		f.schedules("pool", "later", time.Second)
		<-time.After(time.Second)
		synctest.Wait()
		f.wantWaiting(3, 1)
		f.Done(running[0])
		f.wantWaiting(4, 0)
		if f.Reserve(place("pool", 0)) {
			t.Error("the place was given twice")
		}
		f.wantNext(pooled, "2", "3", "4", "later")
	})
}

func TestAWorkerThatWaitsGetsAScheduledTaskAtItsTime(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.schedules("second", "b", 2*time.Minute)
		f.schedules("second", "a", time.Minute)
		began := time.Now()
		for _, want := range []task.ID{"a", "b"} {
			e, err := f.Next(t.Context(), named("second"))
			if err != nil || e.ID != want {
				t.Fatalf("got %v, %v; want %s", e, err, want)
			}
		}
		if waited := time.Since(began); waited != 2*time.Minute {
			t.Errorf("both after %s", waited)
		}
	})
}

func TestScheduledTasksAreBounded(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t) // five of all types
		for i, typ := range []string{"pool", "outside", "outside", "second", "second"} {
			f.schedules(typ, task.ID(fmt.Sprint(i)), time.Hour)
		}
		one := scheduler.Place{Type: "narrow", Scheduled: true}
		if f.Reserve(one) {
			t.Error("a sixth was taken on")
		}
		f.starts("narrow", "now") // the queue has its own places
		f.Remove(task.Task{ID: "1", Type: "outside", Status: task.Cancelled})
		if !f.Reserve(one) || f.Reserve(one) {
			t.Error("where one was cancelled not just one is taken on")
		}
		f.Release(one)
		if !f.Reserve(one) {
			t.Error("where one was given back none is taken on")
		}
		f.Release(one)
		f.Offer(scheduled("narrow", "by another node", time.Hour), time.Hour)
		f.Offer(scheduled("narrow", "by another node, too", time.Hour), time.Hour) // is known, whatever the bound
		f.wantWaiting(1, 6)
		<-time.After(time.Hour)
		synctest.Wait()
		if !f.Reserve(one) {
			t.Error("tasks whose time has come and that have their places still count")
		}
	})
}

func TestTheParamsOfScheduledTasksAreBounded(t *testing.T) { // T19
	t.Parallel()
	const mib = 1 << 20
	f := newFixture(t)
	large := scheduler.Place{Type: "pool", Bytes: 100 * mib, Scheduled: true}
	for n, want := range []bool{true, true, false} {
		if f.Reserve(large) != want {
			t.Errorf("of three of 100 MiB number %d is taken on: %t", n+1, !want)
		}
	}
	if small := (scheduler.Place{Type: "pool", Bytes: mib, Scheduled: true}); !f.Reserve(small) {
		t.Error("a small one is not taken on beside them")
	}
	if !f.Reserve(place("pool", 100*mib)) {
		t.Error("they count against the queue")
	}
}

// What waits for room for its params holds up those of its type, in their order, but no
// other type.
func TestATaskWhoseTimeHasComeWaitsForRoomForItsParams(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		const mib = 1 << 20
		f := newFixture(t)
		filler := waiting("pool", "filler")
		filler.Params = json.RawMessage(strings.Repeat(" ", 140*mib))
		large := scheduled("outside", "large", time.Second)
		large.Params = filler.Params[:60*mib]
		for _, next := range []task.Task{filler, large} {
			if p := scheduler.PlaceOf(next); !f.Reserve(p) || !f.Put(next, p) {
				t.Fatal(next.ID)
			}
		}
		f.schedules("outside", "behind", 2*time.Second)
		f.schedules("second", "other", 2*time.Second)
		<-time.After(time.Minute)
		synctest.Wait()
		f.wantNext(named("outside"))
		f.wantNext(named("second"), "other")
		f.wantNext(pooled, "filler") // its params wait no longer
		f.wantNext(named("outside"), "large", "behind")
	})
}

func TestScheduledTasksAreReturnedWhenTheQueueIsClosed(t *testing.T) { // T15, T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for i := range 3 {
			f.starts("outside", task.ID(fmt.Sprint(i)))
		}
		f.schedules("outside", "due", time.Second)
		f.schedules("outside", "later", time.Hour)
		<-time.After(time.Minute)
		synctest.Wait()
		var left []task.ID
		for _, e := range f.Close() {
			left = append(left, e.ID)
		}
		slices.Sort(left)
		if want := []task.ID{"0", "1", "2", "due", "later"}; !slices.Equal(left, want) {
			t.Errorf("left are %v, want %v", left, want)
		}
		f.wantWaiting(0, 0)
		if next := scheduled("outside", "more", time.Hour); f.Put(next, scheduler.PlaceOf(next)) {
			t.Error("one more was taken on")
		}
	})
}

func TestNewsOfAScheduledTaskBeforeItIsPutCountOnce(t *testing.T) { // T19
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		next := scheduled("outside", "a", time.Hour)
		p := scheduler.PlaceOf(next)
		if !f.Reserve(p) {
			t.Fatal("no place")
		}
		f.Offer(next, time.Hour+time.Millisecond)
		if !f.Put(next, p) {
			t.Error("the queue is closed")
		}
		f.wantWaiting(0, 1)
		<-time.After(time.Hour - 1)
		synctest.Wait()
		f.wantNext(named("outside"))
		<-time.After(1)
		synctest.Wait()
		f.wantNext(named("outside"), "a")
		f.wantWaiting(0, 0)
	})
}
