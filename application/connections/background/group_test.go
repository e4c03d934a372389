package background_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/application/connections/background"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStopEndsContextsAndWaits(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		g := background.NewGroup()
		var ended atomic.Int32
		untilEnd := func(ctx context.Context) {
			<-ctx.Done()
			<-time.After(time.Second) // it tidies up
			ended.Add(1)
		}
		if !g.Go(untilEnd) {
			t.Error("Go does not run before Stop")
		}
		go g.Run(untilEnd)
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := g.Stop(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop, while they run: %v", err)
		}
		if err := g.Stop(t.Context()); err != nil || ended.Load() != 2 {
			t.Errorf("Stop: %v, %d have ended", err, ended.Load())
		}
		never := func(context.Context) { t.Error("a function ran after Stop") }
		if g.Go(never) || g.Run(never) {
			t.Error("after Stop, Go reports that it runs a function")
		}
		<-g.Stopped()
	})
}

// TestNoFunctionStartsWhileStopWaits is for the race detector: a WaitGroup must not grow from
// zero while it is waited for.
func TestNoFunctionStartsWhileStopWaits(t *testing.T) { // T15
	for range 200 {
		g := background.NewGroup()
		var began, ended atomic.Int32
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for g.Go(func(context.Context) { ended.Add(1) }) {
					began.Add(1)
				}
			})
		}
		if err := g.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		atStop := ended.Load()
		callers.Wait()
		if began.Load() != atStop {
			t.Fatalf("%d began, %d had ended when Stop returned", began.Load(), atStop)
		}
	}
}

// BenchmarkGo is what the pool is for: functions that need more stack than a new
// goroutine has, one after the other.
func BenchmarkGo(b *testing.B) {
	var done sync.WaitGroup
	b.Run("pooled", func(b *testing.B) {
		g := background.NewGroup()
		b.ReportAllocs()
		for b.Loop() {
			done.Add(1)
			g.Go(func(context.Context) { deep(64); done.Done() })
			done.Wait()
		}
		_ = g.Stop(context.WithoutCancel(b.Context()))
	})
	b.Run("new goroutines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			done.Go(func() { deep(64) })
			done.Wait()
		}
	})
}

// deep uses about 128 bytes of stack per level: 8 KB with 64, as an observer does that
// encodes an event.
//
//go:noinline
func deep(levels int) byte {
	var frame [64]byte
	if levels == 0 {
		return frame[0]
	}
	frame[levels%len(frame)] = deep(levels - 1)
	return frame[0]
}
