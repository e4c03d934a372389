package natstaskstore

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallersShareAQuestionThatIsAskedAfterTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := uint64(0)
		r := newRounds(func(context.Context) (newest, error) {
			asked++
			n := asked
			<-time.After(time.Second)
			return newest{revision: n}, nil
		})
		var all sync.WaitGroup
		ask := func(want uint64) {
			all.Go(func() {
				if got, err := r.ask(t.Context()); err != nil || got.revision != want {
					t.Errorf("answer %d, %v; want %d", got.revision, err, want)
				}
			})
		}
		ask(1)
		synctest.Wait() // it is being asked
		for range 100 {
			ask(2)
		}
		<-time.After(1500 * time.Millisecond) // the second one is being asked
		for range 100 {
			ask(3)
		}
		all.Wait()
		if asked != 3 {
			t.Errorf("asked %d times, want 3", asked)
		}
	})
}

func TestACallerThatLeavesTakesNoAnswerFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRounds(func(ctx context.Context) (newest, error) {
			<-time.After(time.Second)
			return newest{}, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := r.ask(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("the caller that left: %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := r.ask(t.Context()); err != nil {
				t.Errorf("the caller that stayed: %v", err)
			}
		})
		cancel()
		all.Wait()
	})
}
