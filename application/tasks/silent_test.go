package tasks_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// silentStore gives no answer while it is silent.
type silentStore struct {
	task.Store
	silent atomic.Bool
}

func (s *silentStore) wait(ctx context.Context) error {
	if !s.silent.Load() {
		return nil
	}
	<-ctx.Done()
	return task.ErrUnavailable
}

func (s *silentStore) Get(ctx context.Context, id task.ID) (task.Task, error) {
	if err := s.wait(ctx); err != nil {
		return task.Task{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s *silentStore) Update(ctx context.Context, t task.Task) (task.Task, error) {
	if err := s.wait(ctx); err != nil {
		return task.Task{}, err
	}
	return s.Store.Update(ctx, t)
}

func (s *silentStore) List(ctx context.Context, q task.Query) ([]task.Task, string, error) {
	if err := s.wait(ctx); err != nil {
		return nil, "", err
	}
	return s.Store.List(ctx, q)
}

func TestAStoreThatGivesNoAnswerLeavesTimeForTheRestOfTheShutdown(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		store := &silentStore{Store: f.store}
		f.store = store
		f.start(work(untilCancelled), outsideType(task.Policy{}))
		f.run()
		f.begin("outside")
		f.claim()
		pass(time.Second)
		store.silent.Store(true)
		pass(10 * time.Second)
		begin := time.Now()
		f.stop(20 * time.Second) // which demands no error
		if left := 20*time.Second - time.Since(begin); left < time.Second {
			t.Errorf("%s are left of 20 s", left)
		}
	})
}

func TestAStoreThatIsAwayAtTheStartIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.link.durable = true
		f.build(work(succeed))
		id := f.run()
		f.stop(time.Minute)

		next := f.restarted()
		next.link.cut.Store(true)
		next.start(work(succeed))
		pass(time.Minute)
		next.link.cut.Store(false)
		pass(time.Minute)
		next.wantStatus(id, task.Completed)
		if lines := next.logs.Count("cannot be looked through"); lines != 1 {
			t.Errorf("%d lines in the log", lines)
		}
	})
}
