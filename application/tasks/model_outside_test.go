package tasks_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"heliograph/domain/task"
)

// reported is how a worker outside said that its task ended, and the answer.
type reported struct {
	claim    task.Claim
	complete bool
	release  bool
	final    bool // another attempt would be useless
	err      error
}

// worksOutside is a worker that comes once.
func (c *chaos) worksOutside() {
	if c.below(4) == 0 {
		c.startsClaimed()
		return
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), c.upTo(10*time.Millisecond))
	defer cancel()
	claim, err := c.Claim(ctx, []string{"outside"}, "")
	switch {
	case err == nil:
		c.holds(claim)
	case !errors.Is(err, task.ErrNoTask) && !errors.Is(err, task.ErrShuttingDown):
		c.t.Errorf("Claim: %v", err)
	}
}

// startsClaimed starts a task and is its worker.
func (c *chaos) startsClaimed() {
	t, err := c.Start(c.t.Context(), task.Request{Type: "outside", Audience: someAudience(c.below(3)), Labels: c.someLabels(), Claim: true})
	switch {
	case err == nil:
		c.holds(task.Claim{Task: t, Lease: t.Lease, Term: t.Term})
	case !errors.Is(err, task.ErrShuttingDown):
		c.t.Errorf("Start: %v", err)
	}
}

// holds reports at random, obeys or does not, is silent for too long, and ends the
// task or vanishes.
func (c *chaos) holds(claim task.Claim) {
	lost := false
	for i := range c.below(12) {
		<-time.After(c.upTo(9 * time.Millisecond))
		if c.below(10) == 0 {
			<-time.After(20 * time.Millisecond) // longer than the lease
		}
		stop, err := c.Progress(c.t.Context(), claim.Task.ID, claim.Lease, task.Update{Done: new(float64(i)), Total: new(10.0)})
		if lost && err == nil {
			c.t.Errorf("%s: a lost lease is back", claim.Task.ID)
		}
		if lost = err != nil; stop && c.below(2) == 0 {
			break
		}
	}
	if c.below(4) > 0 {
		c.reports(reported{claim: claim, complete: c.below(3) > 0, release: c.below(4) == 0, final: c.below(4) == 0})
	}
}

// says ends the task, perhaps again and again.
func (c *chaos) reports(what reported) {
	once := func() error {
		if what.release {
			return c.Release(c.t.Context(), what.claim.Task.ID, what.claim.Lease)
		}
		if what.complete {
			return c.Complete(c.t.Context(), what.claim.Task.ID, what.claim.Lease, nil)
		}
		return c.Fail(c.t.Context(), what.claim.Task.ID, what.claim.Lease, task.Failure{Error: "it broke", Final: what.final})
	}
	call := func() error { // again while it is not recorded
		err := once()
		for ; errors.Is(err, task.ErrUnavailable); err = once() {
			<-time.After(c.upTo(20 * time.Millisecond))
		}
		return err
	}
	what.err = call()
	if again := call(); !what.release && !c.superseded(what, again) && !errors.Is(again, what.err) && !errors.Is(again, task.ErrNotFound) {
		c.t.Errorf("%s: answered %v, then %v", what.claim.Task.ID, what.err, again)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, what)
}

// superseded reports whether err is what a worker may hear that says again how its attempt
// failed: the next one has begun (T18).
func (c *chaos) superseded(what reported, err error) bool {
	return !what.complete && c.policyOf("outside").RetryFailures && errors.Is(err, task.ErrLeaseLost)
}

// wantTruthOutside checks that what workers were answered is what became of their
// tasks, and that no other report counted.
func (c *chaos) wantTruthOutside() {
	believed := make(map[task.Lease]bool)
	for _, what := range c.said {
		record, err := c.Get(c.t.Context(), what.claim.Task.ID)
		mine := record.Lease == what.claim.Lease && (record.Status == task.Completed) == what.complete
		switch {
		case what.release:
			mine = what.err == nil // if it could not wait again it is cancelled
		case !what.complete && record.Attempt > what.claim.Task.Attempt: // other attempts have followed, or were to (T18)
			mine = what.err == nil && !what.final && c.policyOf("outside").RetryFailures
		}
		switch {
		case err != nil: // it was removed
		case what.err == nil:
			believed[what.claim.Lease] = true
		case !errors.Is(what.err, task.ErrLeaseLost) && !errors.Is(what.err, task.ErrNotFound):
			c.t.Errorf("%s: answered %v", record.ID, what.err)
		}
		if err == nil && mine != (what.err == nil) {
			c.t.Errorf("%s: answered %v, and it is %s", record.ID, what.err, record.Status)
		}
	}
	all, _, err := c.List(c.t.Context(), task.Query{Type: "outside"})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, record := range all {
		if record.Lease != "" && !believed[record.Lease] {
			c.t.Errorf("%s is %s by a lease that was not used", record.ID, record.Status)
		}
		if record.Lease == "" && !decreed(record) {
			c.t.Errorf("%s is %s (%s), and no worker reported it", record.ID, record.Status, record.Error)
		}
	}
}

func decreed(t task.Task) bool {
	for _, reason := range []string{"worker_lost", "time limit", "abandoned"} {
		if t.Status == task.Failed && strings.Contains(t.Error, reason) {
			return true
		}
	}
	return t.Status == task.Cancelled
}
