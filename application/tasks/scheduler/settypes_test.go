package scheduler_test

import (
	"testing"

	"heliograph/domain/task"
)

func TestWhatWaitsBeginsByTheNewTypeAndWhatIsTakenKeepsTheOld(t *testing.T) { // T2
	t.Parallel()
	f := newFixture(t)
	for _, id := range []task.ID{"a", "b", "c"} {
		f.starts("narrow", id)
	}
	taken := f.wantNext(pooled, "a")[0] // one at a time
	f.SetTypes([]task.Type{{Name: "narrow", Description: "new", Policy: task.Policy{Concurrency: 2}}, {Name: "added"}})
	more := f.wantNext(pooled, "b") // there is room for a second one now
	if taken.Type().Description != "" || more[0].Type().Description != "new" {
		t.Errorf("begun are tasks of %+v and %+v", taken.Type(), more[0].Type())
	}
	f.starts("added", "d")
	f.wantNext(named("added"), "d")
	f.Done(taken)
	f.wantNext(pooled, "c")
}

func TestTasksOfATypeThatIsGoneAreBegunAsItWasLast(t *testing.T) { // T2
	t.Parallel()
	f := newFixture(t)
	f.starts("pool", "a")
	f.starts("outside", "b")
	f.SetTypes([]task.Type{{Name: "urgent"}})
	f.wantNext(named("outside"), "b")
	taken := f.wantNext(pooled, "a")[0]
	if f.Type("pool") == nil || taken.Type().Name != "pool" {
		t.Error("the type is not known any more")
	}
	if !f.Again(taken, 0) {
		t.Error("another attempt is refused")
	}
	f.wantNext(pooled, "a")
}

func TestACallThatWaitsGetsATaskForWhichThereIsRoomNow(t *testing.T) { // T2
	t.Parallel()
	f := newFixture(t)
	f.starts("narrow", "a")
	f.starts("narrow", "b")
	f.wantNext(pooled, "a")
	got := make(chan task.ID)
	go func() {
		e, err := f.Next(t.Context(), pooled)
		if err != nil {
			t.Error(err)
			close(got)
			return
		}
		got <- e.ID
	}()
	f.SetTypes([]task.Type{{Name: "narrow"}})
	if id := <-got; id != "b" {
		t.Errorf("it got %q", id)
	}
}
