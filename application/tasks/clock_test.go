package tasks_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

// withClocks runs a test with two nodes, of which the second one's clock is an hour
// behind or ahead.
func withClocks(t *testing.T, test func(one, two *fixture)) {
	t.Helper()
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		t.Run(fmt.Sprint("a clock wrong by ", skew), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one, two := twoNodes(t)
				two.link.skew = skew
				test(one, two)
			})
		})
	}
}

var slow = outsideType(task.Policy{Lease: time.Minute, Timeout: 5 * time.Minute})

func TestAReportToANodeWithAnotherClockEndsNoTask(t *testing.T) { // T8
	withClocks(t, func(one, two *fixture) {
		one.start(slow)
		two.start(slow)
		one.begin("outside")
		c := one.claim()
		for range 9 {
			pass(30 * time.Second)
			two.report(c, task.Update{}, false, nil)
			pass(1)
			one.wantStatus(c.Task.ID, task.Running)
		}
		pass(30 * time.Second)
		if got := one.wantStatus(c.Task.ID, task.Failed); got.Error != "the task exceeded its time limit of 5m0s" || got.Ran != 5*time.Minute {
			t.Errorf("the record is %+v", got)
		}
	})
}

func TestTheTimeLimitGoesOnWithANodeThatHasAnotherClock(t *testing.T) { // T8
	withClocks(t, func(one, two *fixture) {
		one.start(slow)
		two.start(slow)
		first, second := one.begin("outside"), one.begin("outside")
		c, other := one.claim(), one.claim()
		pass(50 * time.Second)
		one.cut()
		for range 4 {
			two.report(c, task.Update{}, false, nil)
			two.report(other, task.Update{Value: new(0.5)}, false, nil)
			pass(50 * time.Second)
			two.wantStatus(first, task.Running)
		}
		if err := two.completes(other); err != nil {
			t.Error(err)
		}
		two.wantStatus(second, task.Completed)
		two.report(c, task.Update{}, false, nil)
		pass(50 * time.Second)
		two.wantStatus(first, task.Failed)
	})
}

func TestTheNextAttemptComesAfterTheBackOffWhateverClocksSay(t *testing.T) { // T2
	withClocks(t, func(one, two *fixture) {
		again := outsideType(task.Policy{Lease: 10 * time.Second, Attempts: 3, Backoff: 20 * time.Second})
		one.start(again)
		two.start(again)
		id := one.begin("outside")
		for attempt, claims := range []*fixture{one, two, one} {
			began := time.Now()
			c := claims.claim()
			least := []time.Duration{0, again.Policy.RetryDelay(id, 2), again.Policy.RetryDelay(id, 3)}[attempt]
			if waited := time.Since(began); waited < least || waited > least+time.Second || c.Task.Attempt != attempt+1 {
				t.Errorf("attempt %d came after %s", c.Task.Attempt, waited)
			}
			pass(10 * time.Second)
		}
		one.wantStatus(id, task.Failed)
	})
}

func TestTheNextAttemptDoesNotWaitForAClockThatWasPutBack(t *testing.T) { // T2
	withClocks(t, func(one, two *fixture) {
		again := outsideType(task.Policy{Lease: 10 * time.Second, Attempts: 2, Backoff: 20 * time.Second})
		one.start(again)
		id := one.begin("outside")
		one.claim()
		pass(10 * time.Second)
		one.stop(time.Minute)
		began := time.Now()
		two.start(again) // the same node, in its next life
		if c, waited := two.claim(), time.Since(began); waited > again.Policy.RetryDelay(id, 2) || c.Task.Attempt != 2 {
			t.Errorf("attempt %d came after %s", c.Task.Attempt, waited)
		}
	})
}

func TestFinishedTasksAreKeptByOneClock(t *testing.T) { // T9
	withClocks(t, func(one, two *fixture) {
		one.start(work(succeed))
		two.start(work(succeed))
		for _, f := range []*fixture{one, two} {
			id := f.run()
			pass(599 * time.Second)
			f.wantStatus(id, task.Completed)
			pass(62 * time.Second)
			if _, err := f.Get(t.Context(), id); !errors.Is(err, task.ErrNotFound) {
				t.Errorf("after eleven minutes: %v", err)
			}
		}
	})
}
