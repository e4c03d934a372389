package bootstrap_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/bootstrap"
)

func TestLoopsReportTheFirstFailureOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		l := bootstrap.NewLoops(failed)
		broken := errors.New("broken")
		l.Run("a", func(context.Context) error { return broken })
		synctest.Wait()
		l.Run("b", func(context.Context) error { return errors.New("broken too") })
		l.Run("c", func(context.Context) error { return nil })
		synctest.Wait()
		if err := <-failed; !errors.Is(err, broken) || err.Error() != "a: broken" {
			t.Errorf("failed with %v, want a: broken", err)
		}
		for range 2 { // once more changes nothing
			if err := l.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestLoopsStopWhenAllHaveReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bootstrap.NewLoops(nil)
		var ended time.Duration
		begin := time.Now()
		l.Run("slow", func(ctx context.Context) error {
			<-ctx.Done()
			<-time.After(time.Second)
			ended = time.Since(begin)
			return nil
		})
		limited, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := l.Stop(limited); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second/2 {
			t.Errorf("with too little time: %v, after %s", err, time.Since(begin))
		}
		if err := l.Stop(t.Context()); err != nil || ended != time.Second {
			t.Errorf("stop returned %v when the loop had run for %s, want 1 s", err, ended)
		}
	})
}

func TestAStepOfTheShutdownLeavesTimeForTheNext(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		begin := time.Now()
		hang := bootstrap.Within(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		for _, want := range []time.Duration{4 * time.Second, 6 * time.Second, 7 * time.Second} {
			if err := hang(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want a deadline", err)
			}
			if got := time.Since(begin); got != want {
				t.Errorf("the step ended after %s, want %s", got, want)
			}
		}
	})
}
