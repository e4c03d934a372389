package observers_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections/background"
	"heliograph/application/connections/observers"
	"heliograph/domain/connection"
)

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
	f.start(t, "a", "token-1")
	<-time.After(2 * limit)
	synctest.Wait()
	if others != 1 {
		t.Errorf("the other observer was called %d times, want once", others)
	}
	f.logs.Want(t, "level=WARN", "connection observer failed", "observer="+name, "request_id=a", log)
}

func TestObserverContextEndsWithTheTimeLimit(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		began := time.Now()
		var again atomic.Bool // because it was late
		f.Add("waits", connection.ObserverFunc(func(ctx context.Context, _ connection.Connection) error {
			<-ctx.Done()
			if got := time.Since(began); !again.Swap(true) && got != limit {
				t.Errorf("the context ended after %v, want %v", got, limit)
			}
			return nil
		}))
		f.start(t, "a", "token-a")
		pass(2 * limit)
	})
}

func TestEachObserverHasTheWholeTimeLimit(t *testing.T) { // C5
	cases := map[string]struct {
		first time.Duration // that the first observer takes
		err   error         // that it returns
		want  time.Duration // after which the second one is late
	}{
		"after one that was quick":                               {0, nil, limit},
		"after one that took some time":                          {limit * 3 / 4, nil, limit*3/4 + limit},
		"when the first one's time is over while none is called": {limit * 3 / 4, errors.New("failed"), limit*3/4 + time.Minute + limit},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.Runner = observers.New(limit, f.group, f.registry, slog.New(slowLog{slog.NewTextHandler(f.logs, nil)}))
				began := time.Now()
				f.observe("first", func(context.Context, connection.Connection) error { <-time.After(c.first); return c.err })
				var again atomic.Bool // because it was late
				f.observe("second", func(ctx context.Context, _ connection.Connection) error {
					<-ctx.Done()
					if got := time.Since(began); !again.Swap(true) && got != c.want {
						t.Errorf("the second observer was late after %v, want %v", got, c.want)
					}
					return nil
				})
				f.start(t, "a", "token-a")
				pass(c.want + limit)
				if !again.Load() {
					t.Error("the second observer was never late")
				}
			})
		})
	}
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
			f.start(t, id, "token-"+connection.Token(id))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Start took %v: it waited for an observer", took)
		}
		for range 3 {
			if got := (<-done).Sub(began); got != limit/2 {
				t.Errorf("an observer was done after %v, want %v", got, limit/2)
			}
		}
	})
}

func TestAnObserverThatIsJustLateDoesNotShortenTheTimeOfTheNext(t *testing.T) { // C5, C7
	const connections = 100
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.observe("just late, or in time", func(context.Context, connection.Connection) error { <-time.After(limit); return nil })
		called := make(chan error, 2*connections)
		f.observe("next", func(ctx context.Context, _ connection.Connection) error { called <- ctx.Err(); return nil })
		for i := range connections {
			id := strconv.Itoa(i)
			f.start(t, connection.RequestID(id), connection.Token(id))
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

func TestALateObserverDelaysItsCallerButNotTheOtherObservers(t *testing.T) { // C5, C7
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
		f.Run(f.connection(t, "a", "token-1"))
		if got := time.Since(began); got != 3*limit {
			t.Errorf("Run took %v, want %v", got, 3*limit)
		}
	})
}

func TestAwaitReturnsWhenEveryObserverHasRun(t *testing.T) { // E6
	f := newFixture(t)
	var calls []string
	f.observe("first", func(context.Context, connection.Connection) error { calls = append(calls, "first"); return nil })
	f.observe("fails", func(context.Context, connection.Connection) error { return errors.New("broken") })
	f.observe("last", func(_ context.Context, c connection.Connection) error {
		calls = append(calls, "last "+string(c.RequestID))
		return nil
	})
	f.Await(t.Context(), f.connection(t, "a", "token-1"))
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
		f.start(t, "a", "token-1")
		synctest.Wait()
		began := time.Now()
		if err := f.group.Stop(t.Context()); err != nil || !ended || time.Since(began) != limit/2 {
			t.Errorf("Stop: %v after %v, the observer has ended: %t", err, time.Since(began), ended)
		}
		c := f.connection(t, "b", "token-2")
		f.Start(c)
		f.Run(c)
		f.Await(t.Context(), c)
	})
}

func TestStopGivesUpWithItsContextOnAnObserverThatWasLeftBehind(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.observe("stuck", func(context.Context, connection.Connection) error { <-time.After(10 * limit); return nil })
		f.start(t, "a", "token-1")
		<-time.After(2 * limit) // it is left behind by now
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		if err := f.group.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop: %v, want that the time is up", err)
		}
		if err := f.group.Stop(t.Context()); err != nil {
			t.Errorf("second Stop: %v", err)
		}
	})
}

func TestEachOfSeveralStuckObserversIsNoticed(t *testing.T) { // C5
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		began := time.Now()
		f.observe("stuck", func(context.Context, connection.Connection) error { <-time.After(3 * limit); return nil })
		next := make(chan connection.RequestID, 3)
		f.observe("next", func(_ context.Context, c connection.Connection) error { next <- c.RequestID; return nil })
		for i, id := range []connection.RequestID{"a", "b", "c"} { // one a little later than the other
			<-time.After(time.Duration(i) * limit / 10)
			f.start(t, id, "token-"+connection.Token(id))
		}
		for i, want := range []connection.RequestID{"a", "b", "c"} {
			got := <-next
			late := time.Duration(i*(i+1)/2) * limit / 10
			if took := time.Since(began); got != want || took != limit+late {
				t.Errorf("the next observer was called for %s after %v, want %s after %v", got, took, want, limit+late)
			}
		}
	})
}

// slowLog takes a minute for a warning, in which others go on.
type slowLog struct{ slog.Handler }

func (h slowLog) Handle(context.Context, slog.Record) error {
	<-time.After(time.Minute)
	return nil
}

func TestStopWaitsForTheGoroutineThatGoesOnAfterALateObserver(t *testing.T) { // C5, T15
	synctest.Test(t, func(t *testing.T) {
		group := background.NewGroup()
		log := slog.New(slowLog{slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})})
		r := observers.New(limit, group, memregistry.New(), log)
		r.Add("obeys its limit", connection.ObserverFunc(func(ctx context.Context, _ connection.Connection) error {
			<-ctx.Done()
			return nil
		}))
		r.Start(connection.Connection{RequestID: "a", Token: "token-1"})
		<-time.After(limit + time.Second) // it has returned, and that it was late is being logged
		began := time.Now()
		if err := group.Stop(t.Context()); err != nil || time.Since(began) != time.Minute-time.Second {
			t.Errorf("Stop: %v after %v, want it to wait until the late one was logged", err, time.Since(began))
		}
	})
}
