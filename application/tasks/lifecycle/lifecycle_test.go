package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/application/tasks/lifecycle"
	"heliograph/domain/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWaitReturnsWhenAllThatEnteredHasLeft(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		l := lifecycle.New()
		if !l.Enter() {
			t.Fatal("the first call was refused")
		}
		left := make(chan struct{})
		l.Go(func() { <-left })
		if !l.Refuse() || l.Refuse() || l.Enter() {
			t.Error("the shutdown begins not once, or lets others enter")
		}
		stopped := make(chan error, 1)
		go func() { stopped <- l.Wait(t.Context(), time.Second) }()
		for _, leave := range []func(){l.Leave, l.Leave, func() { close(left) }} {
			synctest.Wait()
			if len(stopped) > 0 {
				t.Fatal("it does not wait")
			}
			leave()
		}
		if err := <-stopped; err != nil || l.Context().Err() != nil || l.CutOff.Passed() {
			t.Errorf("stopped with %v, %v", err, l.Context().Err())
		}
		if err := l.Wait(t.Context(), time.Second); err != nil {
			t.Errorf("the second time: %v", err)
		}
	})
}

func TestThePhasesPassNearTheDeadline(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		l := lifecycle.New()
		l.Refuse()
		defer l.Leave()
		began := time.Now()
		watch := func(c <-chan struct{}) <-chan time.Duration {
			passed := make(chan time.Duration, 1)
			go func() {
				<-c
				passed <- time.Since(began)
			}()
			return passed
		}
		cutOff, abandon, ended := watch(l.CutOff.C), watch(l.Abandon.C), watch(l.Context().Done())
		ctx, cancel := context.WithTimeout(t.Context(), 28*time.Second)
		defer cancel()
		err := l.Wait(ctx, 8*time.Second)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 27*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if c, a, e := <-cutOff, <-abandon, <-ended; c != 20*time.Second || a != 24*time.Second || e != 26*time.Second {
			t.Errorf("cut off after %s, abandoned after %s, the context ended after %s", c, a, e)
		}
		if !errors.Is(context.Cause(l.Context()), task.ErrShuttingDown) {
			t.Errorf("the cause is %v", context.Cause(l.Context()))
		}
	})
}
