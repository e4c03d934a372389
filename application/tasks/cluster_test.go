package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// twoNodes returns two nodes on one store and one broker.
func twoNodes(t *testing.T) (one, two *fixture) {
	t.Helper()
	one, two = newFixture(t), newFixture(t)
	one.link.durable, two.link.durable = true, true
	two.store, two.wire = one.store, one.wire
	two.nodes = newNode("two", one.nodes)
	one.nodes.others = append(one.nodes.others, two.nodes)
	two.ids = 1000
	return one, two
}

// cut keeps a node from its store and its broker, as when it is killed or cut off,
// until heal is called.
func (f *fixture) cut() (heal func()) {
	f.link.cut.Store(true)
	f.nodes.dead.Store(true)
	return func() {
		f.link.cut.Store(false)
		f.nodes.dead.Store(false)
	}
}

const oversee = 5 * time.Second // the default

func TestATaskRunsOnWhicheverNodeHasRoom(t *testing.T) { // T1
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		one.cfg.MaxWorkers, two.cfg.MaxWorkers = 1, 1
		one.start(work(untilCancelled))
		two.start(work(untilCancelled))
		here, there := one.run(), one.run()
		pass(time.Second)
		waiting := one.run()
		pass(time.Second)
		for _, f := range []*fixture{one, two} {
			if running, queued := f.Counts(); running != 1 || queued != 1 {
				t.Errorf("%s: %d run, %d wait", f.nodes.self, running, queued)
			}
		}
		one.wantStatus(here, task.Running)
		if got := one.wantStatus(there, task.Running); got.Node != two.nodes.self {
			t.Errorf("it runs on %s", got.Node)
		}
		one.wantStatus(waiting, task.Pending)
	})
}

func TestATaskIsCancelledFromAnyNode(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		one.start(work(untilCancelled))
		two.cfg.MaxWorkers = 1
		two.start(work(untilCancelled))
		id := one.run()
		synctest.Wait()
		if got := two.cancel(id); !got.CancelRequested {
			t.Errorf("the answer is %+v", got)
		}
		two.wantStatus(id, task.Cancelled)
		two.wantEvents(id, task.EventStarted, task.EventCancelRequested, task.EventCancelled)
	})
}

func TestTasksOfALostNodeFailOrAreTriedAgain(t *testing.T) { // T2, T11
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		again := task.Type{Name: "again", Handler: handler(untilCancelled), Policy: task.Policy{Attempts: 2}}
		one.start(work(untilCancelled), again)
		once, twice := one.run(), one.begin("again")
		synctest.Wait()
		again.Handler = handler(succeed)
		two.start(work(succeed), again)
		heal := one.cut()
		pass(oversee + time.Second)
		if got := two.wantStatus(once, task.Failed); got.Error != "node_lost: the node that ran the task is gone: one" || got.ErrorCode != task.CodeNodeLost || got.FinalEventPending {
			t.Errorf("the record is %+v", got)
		}
		pass(2 * time.Second)
		two.wantStatus(twice, task.Completed)
		heal() // and the survivor comes back
		pass(time.Minute)
		two.wantEvents(once, task.EventStarted, task.EventFailed)
		two.wantEvents(twice, task.EventStarted, task.EventRetrying, task.EventStarted, task.EventCompleted)
		if running, queued := one.Counts(); running != 0 || queued != 0 {
			t.Errorf("%d run and %d wait on the survivor", running, queued)
		}
		two.wantLawful()
	})
}

func TestANodeThatComesBackLateOverwritesNothing(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		var cause error
		one.start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
			<-time.After(12 * time.Second)
			cause = context.Cause(ctx)
			r.Value(1)
			return json.RawMessage(`"late"`), nil
		}))
		id := one.run()
		synctest.Wait()
		two.start(work(succeed))
		heal := one.cut()
		pass(6 * time.Second)
		heal()
		pass(time.Minute)
		if !errors.Is(cause, task.ErrLeaseLost) {
			t.Errorf("the handler was told %v", cause)
		}
		if got := two.wantStatus(id, task.Failed); got.Result != nil || got.Progress.Value != 0 {
			t.Errorf("the record is %+v", got)
		}
		two.wantEvents(id, task.EventStarted, task.EventFailed)
	})
}

func TestAWorkerOutsideMayCallAnyNode(t *testing.T) { // T3, T4
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		types := outsideType(task.Policy{Lease: time.Minute})
		one.start(types)
		two.start(types)
		id := one.begin("outside")
		c := one.claim()
		for i, f := range []*fixture{two, one, one, two} {
			f.report(c, task.Update{Value: new(float64(i+1) / 10)}, false, nil)
			pass(50 * time.Second)
		}
		one.cancel(id)
		one.report(c, task.Update{}, true, nil)
		if err := two.completes(c); err != nil {
			t.Error(err)
		}
		for _, f := range []*fixture{one, two} {
			if err := f.completes(c); err != nil {
				t.Errorf("asked again: %v", err)
			}
			synctest.Wait()
			if running, _ := f.Counts(); running != 0 {
				t.Errorf("%d run", running)
			}
		}
		got := one.wantEvents(id, task.EventQueued, task.EventStarted, task.EventProgress, task.EventProgress, task.EventProgress, task.EventProgress, task.EventCancelRequested, task.EventCompleted)
		if last := got[len(got)-1].record; last.Progress.Value != 0.4 {
			t.Errorf("the record is %+v", last)
		}
		one.wantLawful()
	})
}

func TestAWorkerOutsideOutlivesItsNode(t *testing.T) { // T2
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		types := outsideType(task.Policy{Lease: time.Minute})
		one.start(types)
		two.start(types)
		alive, dead := one.begin("outside"), one.begin("outside")
		c, _ := one.claim(), one.claim()
		one.cut()
		pass(oversee)
		two.report(c, task.Update{Value: new(0.5)}, false, nil)
		pass(time.Minute - 1)
		if err := two.completes(c); err != nil {
			t.Error(err)
		}
		two.wantStatus(alive, task.Completed)
		pass(oversee)
		two.wantStatus(dead, task.Failed)
		two.wantLawful()
	})
}

func TestAFinalEventThatANodeCouldNotSendIsSentByAnother(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		one, two := twoNodes(t)
		one.start(work(succeed))
		two.start(work(succeed))
		one.wire.breaks(event.ErrUnavailable)
		id := one.run()
		if got := two.wantStatus(id, task.Completed); !got.FinalEventPending {
			t.Errorf("the record is %+v", got)
		}
		one.wire.breaks(nil)
		one.cut()
		pass(oversee)
		two.wantEvents(id, task.EventCompleted)
		if got := two.wantStatus(id, task.Completed); got.FinalEventPending || got.Node != "" {
			t.Errorf("the record is %+v", got)
		}
	})
}

func TestAFinalEventThatCouldNotBeSentIsSentByTheSameNodeLater(t *testing.T) { // T11
	synctest.Test(t, func(t *testing.T) {
		one, _ := twoNodes(t)
		one.start(work(succeed))
		one.wire.breaks(event.ErrUnavailable)
		id := one.run()
		synctest.Wait()
		one.wire.breaks(nil)
		pass(2 * oversee)
		one.wantEvents(id, task.EventCompleted)
	})
}
