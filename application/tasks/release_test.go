package tasks_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

func (f *fixture) releases(c task.Claim) {
	f.t.Helper()
	if err := f.Release(f.t.Context(), c.Task.ID, c.Lease); err != nil {
		f.t.Errorf("Release: %v", err)
	}
}

func TestATaskThatIsGivenBackIsQueuedAndBegunAgainAsTheSameAttempt(t *testing.T) { // T3, T4, T20
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(outsideType(task.Policy{Timeout: time.Minute}))
		id := f.begin("outside")
		first := f.claim()
		pass(45 * time.Second / 2)
		f.report(first, task.Update{Text: new("half"), Value: new(0.5)}, false, nil)
		pass(45 * time.Second / 2)
		f.releases(first)
		f.wantLate(first)
		if got := f.wantStatus(id, task.Pending); got.Attempt != 1 || got.Node != "" || got.Ran != 0 {
			t.Errorf("the record is %+v", got)
		}
		begin := time.Now()
		second := f.claim()
		if waited := time.Since(begin); waited != 0 || second.Task.Attempt != 1 {
			t.Errorf("after %s it is %+v", waited, second.Task)
		}
		f.report(second, task.Update{Value: new(0.1)}, false, nil) // it has to do some of it again
		pass(29 * time.Second)
		f.report(second, task.Update{}, false, nil) // it has the whole time limit, too
		if err := f.completes(second); err != nil {
			t.Error(err)
		}
		events := f.wantEvents(id, task.EventQueued, task.EventStarted, task.EventProgress, task.EventQueued, task.EventStarted, task.EventProgress, task.EventCompleted)
		for i, e := range events {
			if e.Seq != uint64(i+1) || e.Attempt != 1 {
				t.Errorf("%s has the seq %d and the attempt %d", e.Type, e.Seq, e.Attempt)
			}
		}
		if data := string(events[3].Data); data != "null" {
			t.Errorf("the data of task_queued is %s", data)
		}
		if data := string(events[5].Data); data != `{"text":"half","value":0.5}` {
			t.Errorf("the progress is %s", data)
		}
		f.stop(time.Minute)
		f.wantLawful()
	})
}

func TestATaskThatIsGivenBackDuringAShutdown(t *testing.T) { // T15, T20
	for name, c := range map[string]struct {
		durable bool
		want    task.Status
		last    task.EventType
	}{
		"is cancelled where nothing would ever run it":   {false, task.Cancelled, task.EventCancelled},
		"waits for the next start with a durable broker": {true, task.Pending, task.EventQueued},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.link.durable = c.durable
				f.start(outsideType(task.Policy{}))
				id := f.begin("outside")
				claim := f.claim()
				stopped := make(chan error)
				go func() {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					defer cancel()
					stopped <- f.Stop(ctx)
				}()
				synctest.Wait()
				begin := time.Now()
				f.releases(claim)
				if err := <-stopped; err != nil || time.Since(begin) != 0 {
					t.Errorf("stopped after %s: %v", time.Since(begin), err)
				}
				f.wantStatus(id, c.want)
				f.wantEvents(id, task.EventQueued, task.EventStarted, c.last)
				if !c.durable {
					return
				}
				next := f.restarted()
				next.start(outsideType(task.Policy{}))
				if again := next.claim(); again.Task.ID != id || again.Task.Attempt != 1 {
					t.Errorf("claimed is %+v", again)
				} else if err := next.completes(again); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The worker speaks to whichever node it reaches, and the next one does, too.
func TestATaskIsGivenBackThroughAnyNode(t *testing.T) { // T2, T20
	for _, c := range []struct {
		name                 string
		claim, release, next int
	}{
		{"by way of its owner to the same node", 0, 0, 0},
		{"by way of its owner to the other node", 0, 0, 1},
		{"by way of the other node to its owner", 0, 1, 0},
		{"by way of the other node to that", 0, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one, two := twoNodes(t)
				nodes := []*fixture{one, two}
				for _, f := range nodes {
					f.start(outsideType(task.Policy{}))
				}
				id := one.begin("outside")
				first := nodes[c.claim].claim()
				synctest.Wait()
				nodes[c.release].releases(first)
				begin := time.Now()
				second := nodes[c.next].claim()
				if waited := time.Since(begin); waited > 100*time.Millisecond || second.Task.ID != id || second.Task.Attempt != 1 || second.Lease == first.Lease {
					t.Errorf("after %s it is %+v, first it was %+v", waited, second, first)
				}
				for _, f := range nodes {
					f.wantLate(first)
				}
				if err := nodes[c.next].completes(second); err != nil {
					t.Error(err)
				}
				one.wantEvents(id, task.EventQueued, task.EventStarted, task.EventQueued, task.EventStarted, task.EventCompleted)
			})
		})
	}
}

func TestAReleaseThatTheStoreDoesNotAnswerCountsOnce(t *testing.T) { // T20
	for name, taken := range map[string]bool{"and has taken": true, "or take": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				left := 2
				f.store = &faultyStore{Store: f.store, taken: taken, afterUpdate: func(record task.Task) error {
					if record.Status == task.Pending && left > 0 {
						left--
						return errDown
					}
					return nil
				}}
				f.start(outsideType(task.Policy{}))
				id := f.begin("outside")
				first := f.claim()
				if err := f.Release(t.Context(), id, first.Lease); !errors.Is(err, task.ErrUnavailable) {
					t.Errorf("Release: %v", err)
				}
				second := f.claim() // it comes back without another word
				if second.Task.ID != id || second.Task.Attempt != 1 {
					t.Errorf("claimed is %+v", second)
				}
				f.wantLate(first)
				if err := f.Release(t.Context(), id, first.Lease); !errors.Is(err, task.ErrLeaseLost) {
					t.Errorf("Release again: %v", err)
				}
				f.wantEvents(id, task.EventQueued, task.EventStarted, task.EventQueued, task.EventStarted)
				if err := f.completes(second); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
