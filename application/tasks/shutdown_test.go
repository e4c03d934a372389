package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

func TestStopCancelsWhatWaitsAndLetsFinishWhatRuns(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-time.After(10 * time.Second)
			return nil, nil
		}))
		running, waiting := f.run(), f.run()
		synctest.Wait()
		began := time.Now()
		f.stop(30 * time.Second)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("Stop took %s", took)
		}
		f.wantEvents(running, task.EventStarted, task.EventCompleted)
		f.wantEvents(waiting, task.EventQueued, task.EventCancelled)
		if got := f.wantStatus(waiting, task.Cancelled); !got.Ended.Equal(began) {
			t.Errorf("what waited was cancelled at %s", got.Ended)
		}
		if !slices.Equal(f.metrics.shutdown, []int{1}) {
			t.Errorf("active at shutdown: %v", f.metrics.shutdown)
		}
	})
}

func TestStopRefusesNewTasksAtOnce(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(untilCancelled))
		f.run()
		synctest.Wait()
		go f.stop(30 * time.Second)
		synctest.Wait()
		if _, err := f.Start(t.Context(), task.Request{Type: "work"}); !errors.Is(err, task.ErrShuttingDown) {
			t.Errorf("Start: %v", err)
		}
		if err := f.StartWorkers(t.Context()); !errors.Is(err, task.ErrShuttingDown) {
			t.Errorf("StartWorkers: %v", err)
		}
	})
}

func TestStopCancelsWhatStillRunsBeforeItsTimeIsUp(t *testing.T) { // T15
	for name, c := range map[string]struct{ within, cut time.Duration }{
		"five seconds before":                      {30 * time.Second, 25 * time.Second},
		"or at half time, when there is less time": {4 * time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cause error
				f := newFixture(t).start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
					defer func() { cause = context.Cause(ctx) }()
					return untilCancelled(ctx, r)
				}))
				id := f.run()
				synctest.Wait()
				began := time.Now()
				f.stop(c.within)
				if took := time.Since(began); took != c.cut {
					t.Errorf("Stop took %s, want %s", took, c.cut)
				}
				f.wantStatus(id, task.Cancelled)
				f.wantEvents(id, task.EventStarted, task.EventCancelled)
				if !errors.Is(cause, task.ErrCancelled) {
					t.Errorf("the context's cause was %v", cause)
				}
			})
		})
	}
}

func TestStopAbandonsWhatIgnoresIt(t *testing.T) { // T15, T7
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		f := newFixture(t).start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-release
			return nil, nil
		}))
		id := f.run()
		synctest.Wait()
		began := time.Now()
		f.stop(30 * time.Second)
		if took := time.Since(began); took != 27500*time.Millisecond {
			t.Errorf("Stop took %s", took)
		}
		if got := f.wantStatus(id, task.Failed); got.Error != "the task was abandoned: it did not stop when the service shut down" {
			t.Errorf("the error is %q", got.Error)
		}
		f.wantEvents(id, task.EventStarted, task.EventFailed)
	})
}

func TestStopWithoutADeadlineWaits(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cfg.Timeout = 2 * time.Hour
		f.start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-time.After(time.Hour)
			return nil, nil
		}))
		id := f.run()
		synctest.Wait()
		if err := f.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		f.wantStatus(id, task.Completed)
	})
}

func TestStopReturnsWhenItsContextEnds(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(untilCancelled))
		f.run()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := f.Stop(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Stop: %v", err)
		}
		if err := f.Stop(t.Context()); err != nil { // what was cut off ends all the same
			t.Errorf("second Stop: %v", err)
		}
	})
}

func TestStartWorkersAndStopMayBeCalledTwiceAndWithoutEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.build(work(succeed))
		waiting := f.run()
		f.stop(time.Second)
		f.stop(time.Second)
		f.wantEvents(waiting, task.EventCancelled)
		if len(f.metrics.shutdown) != 1 {
			t.Errorf("shutdowns: %v", f.metrics.shutdown)
		}

		g := newFixture(t).start(work(succeed))
		if err := g.StartWorkers(t.Context()); err != nil {
			t.Error(err)
		}
		g.wantStatus(g.run(), task.Completed)
	})
}

func TestWorkersOutliveTheContextThatStartedThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.build(work(succeed))
		ctx, cancel := context.WithCancel(t.Context())
		if err := f.StartWorkers(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		f.wantStatus(f.run(), task.Completed)
		f.stop(time.Second)
	})
}

func TestStartingAndStoppingAtTheSameTimeLosesNoTask(t *testing.T) { // T15, T11
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			f.build(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
				select {
				case <-time.After(rand.N(3 * time.Millisecond)):
					return nil, nil
				case <-ctx.Done():
					return untilCancelled(ctx, r)
				}
			}))
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 20 {
						<-time.After(rand.N(time.Millisecond))
						if _, err := f.Start(t.Context(), task.Request{Type: "work"}); err != nil && !errors.Is(err, task.ErrShuttingDown) && !errors.Is(err, task.ErrQueueFull) {
							t.Errorf("Start: %v", err)
						}
					}
				})
			}
			for range 2 {
				all.Go(func() {
					<-time.After(rand.N(time.Millisecond))
					_ = f.StartWorkers(t.Context())
				})
				all.Go(func() {
					<-time.After(rand.N(20 * time.Millisecond))
					f.stop(5 * time.Millisecond)
				})
			}
			all.Wait()
			f.wantLawful()
		})
	}
}

func TestStopLeavesTimeToOthersWhateverHangs(t *testing.T) { // T15
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		delay := make(chan time.Duration, 1)
		delay <- 40 * time.Second
		f.wire.slow = func() time.Duration { // the first time the broker heeds no context
			select {
			case d := <-delay:
				return d
			default:
				return 0
			}
		}
		f.start(work(succeed)).run()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		if err := f.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop: %v", err)
		}
		if took := time.Since(began); took != 29375*time.Millisecond {
			t.Errorf("Stop took %s", took)
		}
	})
}
