package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/task"
)

// TestTheRulesHoldWhenNodesFailAtRandom runs tasks on two nodes, while others
// start and cancel them from both, workers outside speak to both, and one node or
// the other is cut off for a while, so that the other one takes over.
// T2, T3, T4, T7, T11.
func TestTheRulesHoldWhenNodesFailAtRandom(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newUnrest(t, seed).play() })
		})
	}
}

// unrest is one run of the model.
type unrest struct {
	*chaos

	nodes []*fixture
}

func newUnrest(t *testing.T, seed uint64) *unrest {
	one, two := twoNodes(t)
	u := &unrest{chaos: newChaos(t, seed), nodes: []*fixture{one, two}}
	one.store, one.wire = u.store, u.wire
	two.store, two.wire = u.store, u.wire
	for _, f := range u.nodes {
		f.cfg.MaxWorkers, f.cfg.QueueSize, f.cfg.ScheduledMax, f.cfg.Oversee = 3, 20, 5, 10*time.Millisecond+1
		f.cfg.Timeout, f.cfg.CancelGrace = 50*time.Millisecond+1, 20*time.Millisecond+3
		f.start(task.Type{Name: "work", Handler: u.chaos, Policy: task.Policy{Attempts: 3, Backoff: time.Millisecond, RetryFailures: true, RetryTimeouts: seed%2 == 0}},
			outsideType(task.Policy{Lease: 15*time.Millisecond + 5, Attempts: 3, Backoff: 3*time.Millisecond + 11, RetryFailures: seed%3 == 0}))
	}
	return u
}

// anyNode is one of the nodes, perhaps one that is cut off.
func (u *unrest) anyNode() *fixture { return u.nodes[u.below(len(u.nodes))] }

func (u *unrest) play() {
	var all sync.WaitGroup
	for _, disturb := range []func(){u.starts, u.starts, u.cancels, u.worksOutside, u.worksOutside, u.cuts} {
		all.Go(func() {
			for range 40 {
				<-time.After(u.upTo(8 * time.Millisecond))
				disturb()
			}
		})
	}
	all.Wait()
	u.mu.Lock()
	u.calm = true
	u.mu.Unlock()
	for range 100 { // workers come until nothing is left for them
		pass(5 * time.Millisecond)
		u.worksOutside()
	}
	pass(time.Second)
	u.wantLawful()
}

// cuts cuts one node off. The other believes it to be dead after a while.
func (u *unrest) cuts() {
	if u.below(3) > 0 {
		return
	}
	f := u.anyNode()
	f.link.cut.Store(true)
	<-time.After(5 * time.Millisecond)
	heal := f.cut()
	<-time.After(u.upTo(40 * time.Millisecond))
	heal()
}

// harmless reports whether err is what a call to a node that is cut off may say,
// or one that comes too late.
func harmless(err error) bool {
	for _, known := range []error{
		event.ErrUnavailable, task.ErrUnavailable, task.ErrQueueFull, task.ErrNotFound, task.ErrNotCancellable,
		task.ErrNoTask, task.ErrLeaseLost, task.ErrShuttingDown, errDown, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return err == nil
}

func (u *unrest) want(what string, err error) {
	if !harmless(err) {
		u.t.Errorf("%s: %v", what, err)
	}
}

func (u *unrest) starts() {
	_, err := u.anyNode().Start(u.t.Context(), task.Request{Type: []string{"work", "outside"}[u.below(2)], Audience: someAudience(u.below(3)), Params: json.RawMessage(`1`), RunAt: u.someTime()})
	u.want("start", err)
}

func (u *unrest) cancels() {
	id := task.ID(fmt.Sprintf("task-%d", 1000*u.below(2)+1+u.below(40)))
	limited, cancel := context.WithTimeout(u.t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := u.anyNode().Cancel(limited, id)
	u.want("cancel", err)
}

// worksOutside is a worker that comes once, speaks to any node, and vanishes now
// and then.
func (u *unrest) worksOutside() {
	c, err := u.claims()
	if u.want("claim", err); err != nil {
		return
	}
	for i := range u.below(6) {
		<-time.After(u.upTo(9 * time.Millisecond))
		_, err := u.anyNode().Progress(u.t.Context(), c.Task.ID, c.Lease, task.Update{Done: new(float64(i)), Total: new(6.0)})
		u.want("progress", err)
	}
	switch u.below(5) {
	case 0: // it vanishes
	case 1:
		u.want("release", u.anyNode().Release(u.t.Context(), c.Task.ID, c.Lease))
	default:
		u.want("complete", u.anyNode().Complete(u.t.Context(), c.Task.ID, c.Lease, nil))
	}
}

// claims takes a task that waits, or starts one to run it.
func (u *unrest) claims() (task.Claim, error) {
	if u.below(5) == 0 && !u.isCalm() {
		t, err := u.anyNode().Start(u.t.Context(), task.Request{Type: "outside", Audience: someAudience(u.below(3)), Claim: true})
		return task.Claim{Task: t, Lease: t.Lease, Term: t.Term}, err
	}
	ctx, cancel := context.WithTimeout(u.t.Context(), u.upTo(10*time.Millisecond))
	defer cancel()
	return u.anyNode().Claim(ctx, []string{"outside"}, "")
}

func (u *unrest) isCalm() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.calm
}

// wantLawful checks that every task has ended, with one last event that says what
// its record said already, and that nothing has overtaken. Other events may have
// been lost with a node (T12).
func (u *unrest) wantLawful() {
	all, _, err := u.store.List(u.t.Context(), task.Query{})
	if err != nil || len(all) == 0 {
		u.t.Fatalf("%d tasks, %v", len(all), err)
	}
	for _, record := range all {
		events := u.wire.of(record.ID)
		if !record.Status.Terminal() || record.FinalEventPending || len(events) == 0 {
			u.t.Errorf("%s is %s, untold %t, with %d events: %+v", record.ID, record.Status, record.FinalEventPending, len(events), record)
			continue
		}
		if !record.Started.IsZero() && record.Started.Before(record.RunAt) { // T19
			u.t.Errorf("%s was to run at %s and started at %s", record.ID, record.RunAt, record.Started)
		}
		for i, e := range events {
			last := i == len(events)-1
			if (endings[e.Type] != "") != last || last && (endings[e.Type] != record.Status || e.record.Status != record.Status) {
				u.t.Errorf("%s is %s, event %d of %d is %s", record.ID, record.Status, i+1, len(events), e.Type)
			}
			if i > 0 && (e.Seq <= events[i-1].Seq || e.Attempt < events[i-1].Attempt) {
				u.t.Errorf("%s: %s with the seq %d came after %d", record.ID, e.Type, e.Seq, events[i-1].Seq)
			}
		}
		u.wantRisingProgress(events)
	}
}
