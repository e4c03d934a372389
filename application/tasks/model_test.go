package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/task"
)

// TestTheRulesHoldInRandomRuns runs tasks that do anything at random, while
// others cancel, remove and connect, workers outside come, go and vanish, the store and the broker are slow,
// the store fails now and then, and the service stops.
// T2, T3, T4, T7, T8, T11, T13, T15.
func TestTheRulesHoldInRandomRuns(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newChaos(t, seed).play() })
		})
	}
}

// chaos is one run of the model. Odd nanoseconds keep its deadlines from falling
// on the same moment as what the handlers do.
type chaos struct {
	*fixture

	mu      sync.Mutex
	rnd     *rand.Rand            // guarded by mu
	returns map[string][]returned // of each attempt, by the params; guarded by mu
	said    []reported            // guarded by mu
	params  int                   // guarded by mu
	stopped time.Time             // when the service was told to stop; guarded by mu
	calm    bool                  // the store does not fail any more; guarded by mu
}

// returned is what a handler returned, when, and how its context was; at is zero while it
// has not.
type returned struct {
	result string
	err    error
	cause  error
	at     time.Time
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{fixture: newFixture(t), rnd: rand.New(rand.NewPCG(seed, 0)), returns: make(map[string][]returned)}
	c.cfg.MaxWorkers, c.cfg.QueueSize, c.cfg.ScheduledMax = 3, 10, 5
	c.cfg.Timeout, c.cfg.CancelGrace = 50*time.Millisecond+1, 20*time.Millisecond+3
	c.wire.slow = func() time.Duration { return c.upTo(2 * time.Millisecond) }
	c.store = &faultyStore{Store: c.store, taken: seed%2 == 0, beforeUpdate: func(task.Task) error {
		<-time.After(c.upTo(time.Millisecond))
		return nil
	}, afterUpdate: c.fault}
	again := task.Type{Name: "again", Handler: c, Policy: task.Policy{
		Attempts: 3, RetryFailures: true, RetryTimeouts: seed%3 == 0, Backoff: time.Millisecond + 13, MaxBackoff: 5 * time.Millisecond,
	}}
	c.build(task.Type{Name: "work", Handler: c}, again, outsideType(task.Policy{
		Lease: 15*time.Millisecond + 5, Attempts: 3, Backoff: 3*time.Millisecond + 11, Concurrency: 3, RetryFailures: seed%2 == 0,
	}))
	return c
}

// fault fails one call in twenty.
func (c *chaos) fault(task.Task) error {
	fails := c.below(20) == 0
	c.mu.Lock()
	defer c.mu.Unlock()
	if fails && !c.calm {
		return errDown
	}
	return nil
}

func (c *chaos) upTo(d time.Duration) time.Duration {
	return time.Duration(c.below(int(d/time.Microsecond))) * time.Microsecond
}

func (c *chaos) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rnd.IntN(n)
}

func (c *chaos) play() {
	if err := c.StartWorkers(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, disturb := range []func(){c.starts, c.starts, c.cancels, c.cancels, c.connects, c.worksOutside, c.worksOutside, c.worksOutside} {
		all.Go(func() {
			for range 40 {
				<-time.After(c.upTo(8 * time.Millisecond))
				disturb()
			}
		})
	}
	if c.below(2) == 0 {
		all.Wait()
	}
	c.mu.Lock()
	c.calm, c.stopped = true, time.Now()
	c.mu.Unlock()
	c.stop(60*time.Millisecond + 7)
	all.Wait()
	pass(time.Second) // handlers that were left behind return
	c.wantLawful()
	c.wantTruth()
	c.wantTruthOutside()
}

func (c *chaos) starts() {
	c.mu.Lock()
	c.params++
	params := fmt.Sprint(c.params)
	c.mu.Unlock()
	_, err := c.Start(c.t.Context(), task.Request{Type: []string{"work", "outside", "again"}[c.below(3)], Audience: someAudience(c.below(3)), Params: json.RawMessage(params), Labels: c.someLabels(), RunAt: c.someTime()})
	if err != nil && !errors.Is(err, task.ErrQueueFull) && !errors.Is(err, task.ErrShuttingDown) {
		c.t.Errorf("Start: %v", err)
	}
}

// someLabels returns those of every eighth task, or none.
func (c *chaos) someLabels() task.Labels {
	if c.below(8) > 0 {
		return nil
	}
	return task.Labels{"some": "yes"}
}

// someTime returns that at which every fourth task is to run, past or to come, or none
// (T19).
func (c *chaos) someTime() time.Time {
	if c.below(4) > 0 {
		return time.Time{}
	}
	return time.Now().Add(c.upTo(40*time.Millisecond) - 5*time.Millisecond)
}

// any returns the ID of a task, which may not exist.
func (c *chaos) any() task.ID { return task.ID(fmt.Sprintf("task-%d", 1+c.below(60))) }

func (c *chaos) cancels() {
	_, err := c.Cancel(c.t.Context(), c.any())
	if err != nil && !errors.Is(err, task.ErrNotFound) && !errors.Is(err, task.ErrNotCancellable) {
		c.t.Errorf("Cancel: %v", err)
	}
	if c.below(8) == 0 { // T17
		_, err := c.CancelAll(c.t.Context(), task.Query{Labels: []task.Label{{Key: "some", Value: "yes"}}})
		if err != nil {
			c.t.Errorf("CancelAll: %v", err)
		}
	}
	if err := c.Remove(c.t.Context(), "task-1"); err != nil && !errors.Is(err, task.ErrNotFound) && !errors.Is(err, task.ErrNotFinished) {
		c.t.Errorf("Remove: %v", err)
	}
}

// connects checks that a snapshot is never behind the log (T13).
func (c *chaos) connects() {
	c.wire.mu.Lock()
	logged := make(map[task.ID]uint64)
	for _, e := range c.wire.events {
		logged[e.TaskID] = e.Seq
	}
	c.wire.mu.Unlock()
	token := connection.Token(fmt.Sprint(c.below(1 << 30)))
	for _, ev := range c.connect(token) {
		var got task.Snapshot
		if err := json.Unmarshal(ev.Data, &got); err != nil {
			c.t.Error(err)
		}
		for _, entry := range got.Tasks {
			if entry.Seq < logged[entry.TaskID] {
				c.t.Errorf("T13: the snapshot has %s at %d, the log at %d", entry.TaskID, entry.Seq, logged[entry.TaskID])
			}
		}
	}
}

// Check implements task.Handler.
func (*chaos) Check(json.RawMessage) error { return nil }

// Run implements task.Handler for all tasks, and notes what was returned under
// the params, which are the task's own.
func (c *chaos) Run(ctx context.Context, params json.RawMessage, report task.Reporter) (json.RawMessage, error) {
	key := string(params)
	c.mu.Lock()
	attempt := len(c.returns[key])
	c.returns[key] = append(c.returns[key], returned{})
	c.mu.Unlock()
	result, err := c.act(ctx, report)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.returns[key][attempt] = returned{string(result), err, context.Cause(ctx), time.Now()}
	return result, err
}

// act reports and waits at random, heeds its context or does not, and returns
// anything.
func (c *chaos) act(ctx context.Context, report task.Reporter) (json.RawMessage, error) {
	stopped := ctx.Done()
	if c.below(4) == 0 {
		stopped = nil
	}
	for i := range c.below(30) {
		report.Report(fmt.Sprint(i), float64(c.below(120)-10)/100)
		select {
		case <-time.After(c.upTo(5 * time.Millisecond)):
		case <-stopped:
			<-time.After(c.upTo(10 * time.Millisecond))
			return c.outcome()
		}
	}
	return c.outcome()
}

func (c *chaos) outcome() (json.RawMessage, error) {
	switch c.below(7) {
	case 0:
		return nil, errors.New("it broke")
	case 3:
		return nil, fmt.Errorf("for good: %w", task.Permanent(errors.New("it broke")))
	case 1:
		return nil, task.ErrCancelled
	case 2:
		return json.RawMessage(`{`), nil
	default:
		return json.RawMessage(`{}`), nil
	}
}

// wantTruth checks every record against what its handler returned: it counts if
// the task ended with it, and otherwise the handler was given up (T7, T8).
func (c *chaos) wantTruth() {
	all, _, err := c.List(c.t.Context(), task.Query{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, record := range all {
		if record.Type == "outside" {
			continue
		}
		runs := c.returns[string(record.Params)]
		c.wantRetries(record, runs)
		if len(runs) == record.Attempt-1 {
			if record.Status != task.Cancelled {
				c.t.Errorf("attempt %d of %s never ran and it is %s", record.Attempt, record.ID, record.Status)
			}
			continue
		}
		r := runs[len(runs)-1]
		switch {
		case record.Status == task.Failed && decreed(record) && !record.Ended.After(r.at): // given up, perhaps at that very moment
		case record.Ended.Before(r.at):
			c.t.Errorf("%s ended without its handler: %s, %q", record.ID, record.Status, record.Error)
		case record.Status != r.status():
			c.t.Errorf("%s is %s (%s), its handler returned %+v", record.ID, record.Status, record.Error, r)
		}
	}
}

// wantRetries checks that attempts followed each other as the type says (T18).
func (c *chaos) wantRetries(record task.Task, runs []returned) {
	policy := c.policyOf(record.Type)
	if n := len(runs); n != record.Attempt && n != record.Attempt-1 || n > max(1, policy.Attempts) {
		c.t.Fatalf("%s is at attempt %d, its handler ran %d times", record.ID, record.Attempt, n)
	}
	for i, r := range runs {
		again := r.retried(policy) && i+1 < policy.Attempts
		switch {
		case i+1 < record.Attempt && !again:
			c.t.Errorf("%s was tried again although its handler returned %+v", record.ID, r)
		case i+1 == record.Attempt && again && record.Status == task.Failed && !record.CancelRequested && record.Ended.Before(c.stopped):
			c.t.Errorf("%s was not tried again although its handler returned %+v: %+v", record.ID, r, record)
		}
	}
}

// retried reports whether another attempt may follow the one that returned so.
func (r returned) retried(policy task.Policy) bool {
	if errors.Is(r.cause, task.ErrTimeLimit) {
		return policy.RetryTimeouts
	}
	return policy.RetryFailures && r.status() == task.Failed && r.err != nil && !errors.Is(r.err, task.ErrPermanent)
}

func (r returned) status() task.Status {
	switch {
	case r.err == nil && r.result == `{}`:
		return task.Completed
	case r.err == nil, !errors.Is(r.err, task.ErrCancelled) && r.cause == nil:
		return task.Failed
	default:
		return task.Cancelled
	}
}
