package connections_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/connection"
)

// quiet is an observer that does nothing.
func quiet(context.Context, connection.Connection) error { return nil }

func TestObserverThatBreaksIsLoggedAndTheOthersRun(t *testing.T) { // C5
	cases := []struct {
		name string
		log  string
		does connection.ObserverFunc
	}{
		{"fails", "out of order", func(context.Context, connection.Connection) error { return errors.New("out of order") }},
		{"panics", "stack=", func(context.Context, connection.Connection) error { panic("broken") }},
		{"exits", "ended its goroutine", func(context.Context, connection.Connection) error {
			runtime.Goexit()
			return nil
		}},
		{"obeys-its-limit", "error=", func(ctx context.Context, _ connection.Connection) error {
			<-ctx.Done()
			return ctx.Err()
		}},
		{"ignores-its-limit", "time limit", func(context.Context, connection.Connection) error {
			<-time.After(3 * limit)
			return nil
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { breaks(t, c.name, c.log, c.does) })
		})
	}
}

func breaks(t *testing.T, name, log string, does connection.ObserverFunc) {
	f := newFixture(t)
	others := 0
	f.observe(name, does)
	f.observe("other", func(context.Context, connection.Connection) error { others++; return nil })
	f.open(t, "a", "token-1")
	<-time.After(2 * limit)
	synctest.Wait()
	if others != 1 {
		t.Errorf("the other observer was called %d times, want once", others)
	}
	if f.registry.Count() != 1 {
		t.Error("the connection did not stand")
	}
	f.wantLog(t, "level=WARN", "connection observer failed", "observer="+name, "request_id=a", log)
}

func TestObserverContextOutlivesTheRequestAndHasTheLimit(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		began := time.Now()
		var again atomic.Bool // because it was late
		f.observe("waits", func(ctx context.Context, _ connection.Connection) error {
			<-ctx.Done()
			if got := time.Since(began); !again.Swap(true) && got != limit {
				t.Errorf("the context ended after %v, want %v", got, limit)
			}
			return nil
		})
		f.connect(t, "a", "token-1")
		request, cancel := context.WithCancel(t.Context())
		f.Opened(request, "token-1")
		cancel()
		<-time.After(2 * limit)
	})
}

func TestObserversOfManyConnectionsRunAtOnce(t *testing.T) { // C7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.observe("slow", func(context.Context, connection.Connection) error {
			<-time.After(limit / 2)
			return nil
		})
		done := make(chan time.Time)
		f.observe("last", func(context.Context, connection.Connection) error { done <- time.Now(); return nil })
		began := time.Now()
		for _, id := range []connection.RequestID{"a", "b", "c"} {
			f.open(t, id, "token-"+connection.Token(id))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Opened took %v: it waited for an observer", took)
		}
		for range 3 {
			if got := (<-done).Sub(began); got != limit/2 {
				t.Errorf("an observer was done after %v, want %v", got, limit/2)
			}
		}
	})
}

func TestObserverThatIsJustLateCostsTheNextOneNothing(t *testing.T) { // C5, C7
	const connections = 100
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.observe("just late, or in time", func(context.Context, connection.Connection) error { <-time.After(limit); return nil })
		called := make(chan error, 2*connections)
		f.observe("next", func(ctx context.Context, _ connection.Connection) error { called <- ctx.Err(); return nil })
		for i := range connections {
			id := strconv.Itoa(i)
			f.open(t, connection.RequestID(id), connection.Token(id))
		}
		<-time.After(2 * limit)
		if len(called) != connections {
			t.Errorf("the next observer was called %d times, want %d", len(called), connections)
		}
		for range len(called) {
			if err := <-called; err != nil {
				t.Errorf("with a context that has ended: %v", err)
			}
		}
	})
}

func TestObserverThatIsLateHoldsUpItsCallerButNotTheOthers(t *testing.T) { // C5, C7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		began := time.Now()
		f.observe("stuck", func(context.Context, connection.Connection) error { <-time.After(3 * limit); return nil })
		f.observe("other", func(context.Context, connection.Connection) error {
			if got := time.Since(began); got != limit {
				t.Errorf("the other observer was called after %v, want %v", got, limit)
			}
			return nil
		})
		f.connect(t, "a", "token-1")
		f.OpenedHere(t.Context(), "token-1")
		if got := time.Since(began); got != 3*limit {
			t.Errorf("OpenedHere took %v, want %v", got, 3*limit)
		}
	})
}

func TestRecoverReturnsWhenEveryObserverHasRun(t *testing.T) { // E6
	f := newFixture(t)
	var calls []string
	f.observe("first", func(context.Context, connection.Connection) error { calls = append(calls, "first"); return nil })
	f.observe("fails", func(context.Context, connection.Connection) error { return errors.New("broken") })
	f.observe("last", func(_ context.Context, c connection.Connection) error {
		calls = append(calls, "last "+string(c.RequestID))
		return nil
	})
	f.connect(t, "a", "token-1")
	f.Recover(t.Context(), "token-1")
	if want := []string{"first", "last a"}; !slices.Equal(calls, want) {
		t.Errorf("observers were called as %q, want %q", calls, want)
	}
}

func TestStopEndsObserversAndWaitsForThem(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ended := false
		f.observe("slow", func(ctx context.Context, _ connection.Connection) error {
			<-ctx.Done()
			<-time.After(limit / 2) // it tidies up
			ended = true
			return nil
		})
		f.observe("next", func(context.Context, connection.Connection) error {
			t.Error("an observer was called after Stop")
			return nil
		})
		f.open(t, "a", "token-1")
		synctest.Wait()
		began := time.Now()
		if err := f.Stop(t.Context()); err != nil || !ended || time.Since(began) != limit/2 {
			t.Errorf("Stop: %v after %v, the observer has ended: %t", err, time.Since(began), ended)
		}
		f.Opened(t.Context(), "token-1")
		f.Recover(t.Context(), "token-1")
		if err := f.Connect(t.Context(), "b", "token-2", ""); !errors.Is(err, connection.ErrShuttingDown) {
			t.Errorf("Connect after Stop: %v, want ErrShuttingDown", err)
		}
	})
}

func TestStopGivesUpWithItsContextOnAnObserverThatWasLeftBehind(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.observe("stuck", func(context.Context, connection.Connection) error { <-time.After(10 * limit); return nil })
		f.open(t, "a", "token-1")
		<-time.After(2 * limit) // it is left behind by now
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		if err := f.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop: %v, want that the time is up", err)
		}
		if err := f.Stop(t.Context()); err != nil {
			t.Errorf("second Stop: %v", err)
		}
	})
}
