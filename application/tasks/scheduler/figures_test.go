package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/application/tasks/scheduler"
	"heliograph/domain/task"
)

func TestFiguresSayWhatWaitsAndWhatNobodyClaims(t *testing.T) { // W7
	synctest.Test(t, func(t *testing.T) {
		out, in := task.Type{Name: "out", Outside: true}, task.Type{Name: "in"}
		q := scheduler.New(scheduler.Sizes{Workers: 1, Waiting: 1, Scheduled: 9}, []task.Type{out, in})
		want := func(what string, typ task.Type, want task.TypeFigures) {
			t.Helper()
			want.Type, want.RunBy = typ.Name, typ.RunBy()
			if got := q.Figures.Of(typ); got != want {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		want("at first", out, task.TypeFigures{})

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if _, err := q.Next(ctx, func(typ *task.Type) bool { return typ.Outside }); err == nil {
				t.Error("there is a task")
			}
		}()
		synctest.Wait()
		begun := time.Now()
		want("while a claim waits", out, task.TypeFigures{ClaimsWaiting: 1, Claimed: begun})
		want("while a claim of others waits", in, task.TypeFigures{})
		<-time.After(time.Minute)
		cancel()
		<-ended
		want("after it", out, task.TypeFigures{Claimed: begun.Add(time.Minute)})

		pending := task.Task{ID: "a", Type: "out", Status: task.Pending}
		if p := scheduler.PlaceOf(pending); !q.Reserve(p) || !q.Put(pending, p) || q.Reserve(p) || q.Reserve(p) {
			t.Fatal("the places are not one")
		}
		later := task.Task{ID: "b", Type: "in", Status: task.Pending}
		if p := scheduler.PlaceOf(later); !q.Reserve(p) {
			t.Fatal("there is no place")
		}
		q.Offer(later, time.Hour)
		want("with a task", out, task.TypeFigures{Waiting: 1, Claimed: begun.Add(time.Minute)})
		want("with one that waits for its time", in, task.TypeFigures{Waiting: 1})
		if q.Figures.Refused() != 2 {
			t.Errorf("refused are %d, want 2", q.Figures.Refused())
		}
		if waiting, scheduled := q.Figures.Limits(); waiting != 1 || scheduled != 9 {
			t.Errorf("the limits are %d, %d", waiting, scheduled)
		}
		if _, err := q.Next(t.Context(), func(typ *task.Type) bool { return typ.Outside }); err != nil {
			t.Fatal(err)
		}
		want("when it runs", out, task.TypeFigures{Running: 1, Claimed: time.Now()})
		q.Close()
	})
}
