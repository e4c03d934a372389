package observers_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/connection"
)

var errAway = errors.New("the store is away")

func TestAnObserverThatFailedIsRetriedUntilItSucceeds(t *testing.T) { // C5, T13, V1
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var away atomic.Bool
		away.Store(true)
		var called, others []connection.RequestID
		f.observe("store", func(_ context.Context, c connection.Connection) error {
			if away.Load() {
				return errAway
			}
			called = append(called, c.RequestID)
			return nil
		})
		f.observe("other", func(_ context.Context, c connection.Connection) error {
			others = append(others, c.RequestID)
			return nil
		})
		f.start(t, "a", "token-a")
		pass(time.Minute)
		if len(called) != 0 || len(others) != 1 {
			t.Errorf("called for %q and %q", called, others)
		}
		away.Store(false)
		pass(10 * time.Second)
		f.start(t, "b", "token-b")
		pass(time.Minute)
		if fmt.Sprint(called, others) != "[a b] [a b]" {
			t.Errorf("called for %q and %q, want each once", called, others)
		}
	})
}

func TestAnObserverThatWasLateIsRetried(t *testing.T) { // C5, T13
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var calls atomic.Int32
		f.observe("store", func(ctx context.Context, _ connection.Connection) error {
			if calls.Add(1) == 1 {
				<-time.After(2 * limit)
			}
			return ctx.Err()
		})
		f.start(t, "a", "token-a")
		pass(time.Minute)
		if got := calls.Load(); got != 2 {
			t.Errorf("it was called %d times, want twice", got)
		}
	})
}

func TestAConnectionThatHasEndedIsNotRetried(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		calls := 0
		f.observe("store", func(context.Context, connection.Connection) error { calls++; return errAway })
		f.start(t, "a", "token-a")
		f.remove(t, "token-a")
		pass(time.Minute)
		if calls != 1 {
			t.Errorf("it was called %d times, want once", calls)
		}
	})
}

func TestAnObserverThatPanicsIsNotRetried(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		calls := 0
		f.observe("broken", func(context.Context, connection.Connection) error { calls++; panic("broken") })
		f.start(t, "a", "token-a")
		pass(time.Minute)
		if calls != 1 {
			t.Errorf("it was called %d times, want once", calls)
		}
	})
}

func TestRetriesAreFewAtATime(t *testing.T) { // T13: many connected while the store was away
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var away atomic.Bool
		away.Store(true)
		var now, most, called atomic.Int32
		f.observe("store", func(context.Context, connection.Connection) error {
			if away.Load() {
				return errAway
			}
			most.Store(max(most.Load(), now.Add(1)))
			<-time.After(time.Millisecond)
			now.Add(-1)
			called.Add(1)
			return nil
		})
		const crowd = 500
		for i := range crowd {
			f.start(t, connection.RequestID(fmt.Sprint("id-", i)), connection.Token(fmt.Sprint("token-", i)))
		}
		synctest.Wait()
		away.Store(false)
		pass(time.Minute)
		if called.Load() != crowd || most.Load() > 32 {
			t.Errorf("%d were called, %d at a time", called.Load(), most.Load())
		}
	})
}

func TestAnObserverThatBlocksDelaysNoOtherRetry(t *testing.T) { // C5, C7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		release := make(chan struct{})
		calls := map[connection.RequestID]int{}
		var mu sync.Mutex
		f.observe("store", func(_ context.Context, c connection.Connection) error {
			mu.Lock()
			calls[c.RequestID]++
			n := calls[c.RequestID]
			mu.Unlock()
			if c.RequestID == "hangs" && n > 1 {
				<-release
			}
			return errAway
		})
		f.start(t, "hangs", "token-a")
		f.start(t, "other", "token-b")
		pass(time.Minute)
		mu.Lock()
		if calls["other"] < 5 {
			t.Errorf("the other one was called %d times in a minute", calls["other"])
		}
		mu.Unlock()
		close(release)
	})
}
