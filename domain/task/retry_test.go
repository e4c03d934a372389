package task_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"heliograph/domain/task"
)

func TestTheBackOffDoublesWithSomeJitterUpToTheLongest(t *testing.T) { // T18
	t.Parallel()
	for _, c := range []struct {
		policy  task.Policy
		attempt int
		want    time.Duration // without jitter
	}{
		{task.Policy{}, 2, time.Second},
		{task.Policy{}, 3, 2 * time.Second},
		{task.Policy{Backoff: 10 * time.Second}, 2, 10 * time.Second},
		{task.Policy{Backoff: 10 * time.Second}, 5, 80 * time.Second},
		{task.Policy{Backoff: time.Nanosecond}, 2, time.Nanosecond},
	} {
		delays := make(map[time.Duration]bool)
		for i := range 100 {
			id := task.ID(fmt.Sprint("task-", i))
			delay := c.policy.RetryDelay(id, c.attempt)
			if delay < c.want || delay > c.want+c.want/4 || delay != c.policy.RetryDelay(id, c.attempt) {
				t.Errorf("%+v: attempt %d waits %s", c.policy, c.attempt, delay)
			}
			delays[delay] = true
		}
		if c.want > time.Second/2 && len(delays) < 90 {
			t.Errorf("%+v: 100 tasks wait for %d different times", c.policy, len(delays))
		}
	}
	for _, c := range []struct {
		policy  task.Policy
		attempt int
		want    time.Duration
	}{
		{task.Policy{Backoff: 10 * time.Second, MaxBackoff: 15 * time.Second}, 3, 15 * time.Second},
		{task.Policy{Backoff: 10 * time.Second, MaxBackoff: 10 * time.Second}, 2, 10 * time.Second},
		{task.Policy{}, 100, time.Hour},
		{task.Policy{Backoff: 1 << 62}, 1 << 30, 1 << 62},
		{task.Policy{Backoff: 2 * time.Hour}, 4, 2 * time.Hour}, // a type of a file from before there was a longest one
	} {
		if got := c.policy.RetryDelay("t", c.attempt); got != c.want {
			t.Errorf("%+v: attempt %d waits %s, want %s", c.policy, c.attempt, got, c.want)
		}
	}
}

func TestAPolicyWhoseBackOffIsTooLongIsRefused(t *testing.T) { // T18
	t.Parallel()
	for _, p := range []task.Policy{{Backoff: 2, MaxBackoff: 1}, {MaxBackoff: time.Millisecond, Backoff: time.Second}, {MaxBackoff: -1}} {
		if p.Check() == nil {
			t.Errorf("%+v is fine", p)
		}
	}
	for _, p := range []task.Policy{{}, {Backoff: 2 * time.Hour}, {Backoff: 1, MaxBackoff: 1}, {MaxBackoff: 1}} {
		if err := p.Check(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestAnErrorSaysThatTryingAgainIsUseless(t *testing.T) { // T18
	t.Parallel()
	broke := errors.New("it broke")
	err := fmt.Errorf("read: %w", task.WithCode(task.Permanent(broke), "X"))
	if !errors.Is(err, task.ErrPermanent) || !errors.Is(err, broke) || err.Error() != "read: it broke" || task.CodeOf(err) != "X" {
		t.Errorf("the error is %v", err)
	}
	if errors.Is(broke, task.ErrPermanent) || task.Permanent(nil) != nil {
		t.Error("what is not permanent is")
	}
}
