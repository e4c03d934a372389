package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/access"
	"heliograph/domain/task"
)

// says is the type of a name whose tasks have a text as their result, once let is closed.
func says(name, text string, let <-chan struct{}) task.Type {
	return task.Type{Name: name, Handler: handler(func(context.Context, task.Reporter) (json.RawMessage, error) {
		<-let
		return json.Marshal(text)
	})}
}

func open() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func (f *fixture) wantResult(id task.ID, want string) {
	f.t.Helper()
	if got := f.wantStatus(id, task.Completed); string(got.Result) != want {
		f.t.Errorf("%s says %s, want %s", id, got.Result, want)
	}
}

func (f *fixture) typeNames() (names []string) {
	f.t.Helper()
	types, err := f.Types(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, typ := range types {
		names = append(names, typ.Name)
	}
	return names
}

func TestTypesCanBeChangedWhileTasksRunAndWait(t *testing.T) { // T2, T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 2
		let := make(chan struct{})
		f.start(says("work", "old", let), says("gone", "gone", let))
		running, begun := f.run(), f.begin("gone")
		synctest.Wait()
		waiting, left := f.run(), f.begin("gone")
		if err := f.SetTypes([]task.Type{says("work", "new", open()), says("added", "added", open())}); err != nil {
			t.Fatal(err)
		}
		if got := f.typeNames(); !slices.Equal(got, []string{"added", "work"}) {
			t.Errorf("the types are %v", got)
		}
		if _, err := f.Start(t.Context(), task.Request{Type: "gone"}); !errors.Is(err, task.ErrUnknownType) {
			t.Errorf("start: %v", err)
		}
		close(let)
		added := f.begin("added")
		f.wantResult(running, `"old"`)
		f.wantResult(waiting, `"new"`)
		f.wantResult(begun, `"gone"`)
		f.wantResult(left, `"gone"`)
		f.wantResult(added, `"added"`)
		if err := f.SetTypes([]task.Type{says("gone", "back", open())}); err != nil {
			t.Fatal(err)
		}
		f.wantResult(f.begin("gone"), `"back"`)
	})
}

func TestAWorkersTasksGoOnWhenTheirTypeIsGone(t *testing.T) { // T2
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{}))
		first, second := f.begin("outside"), f.begin("outside")
		claimed, err := f.Claim(t.Context(), []string{"outside"}, "")
		if err != nil || claimed.Task.ID != first {
			t.Fatalf("claimed is %+v, %v", claimed, err)
		}
		if err := f.SetTypes([]task.Type{work(succeed)}); err != nil {
			t.Fatal(err)
		}
		if err := f.Complete(t.Context(), first, claimed.Lease, json.RawMessage(`1`)); err != nil {
			t.Errorf("complete: %v", err)
		}
		if claimed, err = f.Claim(t.Context(), []string{"outside"}, ""); err != nil || claimed.Task.ID != second {
			t.Fatalf("claimed is %+v, %v", claimed, err)
		}
		if err := f.Complete(t.Context(), second, claimed.Lease, nil); err != nil {
			t.Errorf("complete: %v", err)
		}
		if _, err := f.Start(t.Context(), task.Request{Type: "outside"}); !errors.Is(err, task.ErrUnknownType) {
			t.Errorf("start: %v", err)
		}
	})
}

func TestTypesThatCannotBeUsedChangeNothing(t *testing.T) { // S3, for operators
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed), outsideType(task.Policy{}))
		inside := outsideType(task.Policy{})
		inside.Outside = false
		for name, types := range map[string][]task.Type{
			"a worker's becomes the service's": {work(succeed), inside},
			"one is there twice":               {work(succeed), work(succeed)},
			"one has no handler":               {{Name: "new"}},
			"one has a bad policy":             {{Name: "new", Handler: handler(succeed), Policy: task.Policy{Attempts: -1}}},
		} {
			if err := f.SetTypes(types); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if got := f.typeNames(); !slices.Equal(got, []string{"outside", "work"}) {
			t.Errorf("the types are %v", got)
		}
	})
}

func TestTheNewAudienceIsThatOfNewTasks(t *testing.T) { // A11
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed))
		old := f.run()
		staff := work(succeed)
		staff.Audience = access.Choice{Given: true, Audience: &access.Audience{Roles: []string{"staff"}}}
		if err := f.SetTypes([]task.Type{staff}); err != nil {
			t.Fatal(err)
		}
		if got := f.wantStatus(f.run(), task.Completed); got.Audience == nil || f.wantStatus(old, task.Completed).Audience != nil {
			t.Errorf("the new one is for %v", got.Audience)
		}
	})
}

func TestTasksAreStartedWhileTypesChange(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed), says("some", "1", open()))
		var all sync.WaitGroup
		all.Go(func() {
			for i := range 100 {
				types := []task.Type{work(succeed)}
				if i%2 == 1 {
					types = append(types, says("some", fmt.Sprint(i), open()))
				}
				if err := f.SetTypes(types); err != nil {
					t.Error(err)
				}
				<-time.After(time.Millisecond)
			}
		})
		var ids []task.ID
		for range 100 {
			if started, err := f.Start(t.Context(), task.Request{Type: "some"}); err == nil {
				ids = append(ids, started.ID)
			}
			<-time.After(time.Millisecond)
		}
		all.Wait()
		for _, id := range ids {
			f.wantStatus(id, task.Completed)
		}
		if len(ids) < 10 {
			t.Errorf("only %d could be started", len(ids))
		}
	})
}
