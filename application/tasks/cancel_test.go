package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/domain/task"
)

func TestACancelledPendingTaskNeverRuns(t *testing.T) { // T7, T11
	synctest.Test(t, func(t *testing.T) {
		ran := 0
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
			ran++
			return untilCancelled(ctx, r)
		}))
		first, second := f.run(), f.run()
		synctest.Wait()
		if got := f.cancel(second); got.Status != task.Cancelled || got.Ended.IsZero() || !got.Started.IsZero() {
			t.Errorf("Cancel returned %+v", got)
		}
		f.cancel(first)
		f.wantStatus(first, task.Cancelled)
		if ran != 1 {
			t.Errorf("%d tasks ran", ran)
		}
		only := f.wantEvents(second, task.EventQueued, task.EventCancelled)[1]
		if only.Seq != 2 || only.Attempt != 1 || only.record.Status != task.Cancelled || string(only.Data) != `null` {
			t.Errorf("its event is %+v", only)
		}
	})
}

func TestCancellingARunningTaskShowsAtOnceAndCancelsItsContext(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		var cause error
		f := newFixture(t).start(work(func(ctx context.Context, _ task.Reporter) (json.RawMessage, error) {
			<-ctx.Done()
			cause = context.Cause(ctx)
			<-time.After(10 * time.Second)
			return nil, errors.New("any error")
		}))
		id := f.run()
		synctest.Wait()
		if got := f.cancel(id); got.Status != task.Running || !got.CancelRequested {
			t.Errorf("Cancel returned %+v", got)
		}
		f.wantStatus(id, task.Running)
		f.cancel(id) // again: nothing more
		pass(11 * time.Second)
		if got := f.wantStatus(id, task.Cancelled); got.Error != "" || !got.CancelRequested {
			t.Errorf("the record is %+v", got)
		}
		if !errors.Is(cause, task.ErrCancelled) {
			t.Errorf("the context's cause was %v", cause)
		}
		f.wantEvents(id, task.EventStarted, task.EventCancelRequested, task.EventCancelled)
	})
}

func TestWhatIsReportedIsWhatHappened(t *testing.T) { // T7
	for name, c := range map[string]struct {
		end  func() (json.RawMessage, error)
		want task.Status
		last task.EventType
	}{
		"it had finished":     {func() (json.RawMessage, error) { return json.RawMessage(`1`), nil }, task.Completed, task.EventCompleted},
		"it stopped":          {func() (json.RawMessage, error) { return nil, task.ErrCancelled }, task.Cancelled, task.EventCancelled},
		"it stopped somehow":  {func() (json.RawMessage, error) { return json.RawMessage(`1`), errors.New("x") }, task.Cancelled, task.EventCancelled},
		"it panicked":         {func() (json.RawMessage, error) { panic("x") }, task.Failed, task.EventFailed},
		"its result is wrong": {func() (json.RawMessage, error) { return json.RawMessage(`}`), nil }, task.Failed, task.EventFailed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t).start(work(func(ctx context.Context, _ task.Reporter) (json.RawMessage, error) {
					<-ctx.Done()
					return c.end()
				}))
				id := f.run()
				synctest.Wait()
				f.cancel(id)
				f.wantStatus(id, c.want)
				f.wantEvents(id, task.EventStarted, task.EventCancelRequested, c.last)
			})
		})
	}
}

func TestATaskThatIgnoresItsCancellationIsAbandonedAndItsWorkerGoesOn(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := newFixture(t)
		f.cfg.MaxWorkers = 1
		f.start(work(func(_ context.Context, r task.Reporter) (json.RawMessage, error) {
			<-release
			r.Value(1)
			return nil, nil
		}))
		id, next := f.run(), f.run()
		synctest.Wait()
		f.cancel(id)
		pass(30*time.Second - 1)
		f.wantStatus(id, task.Running)
		pass(1)
		got := f.wantStatus(id, task.Failed)
		if got.ErrorCode != task.CodeAbandoned || got.Error != "the task was abandoned: it did not stop within 30s of its cancellation" {
			t.Errorf("the error is %q", got.Error)
		}
		f.wantStatus(next, task.Running)
		if !f.logs.Has("abandoned", "task_id=task-1") {
			t.Error("nothing is in the log")
		}
		close(release)
		f.wantStatus(next, task.Completed)
		f.wantStatus(id, task.Failed)
		f.wantEvents(id, task.EventStarted, task.EventCancelRequested, task.EventFailed)
	})
}

func TestUnknownAndFinishedTasksCannotBeCancelled(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).start(work(succeed))
		id := f.run()
		f.wantStatus(id, task.Completed)
		if _, err := f.Cancel(t.Context(), id); !errors.Is(err, task.ErrNotCancellable) {
			t.Errorf("Cancel of a finished task: %v", err)
		}
		if _, err := f.Cancel(t.Context(), "nobody"); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("Cancel of an unknown task: %v", err)
		}
		f.wantEvents(id, task.EventStarted, task.EventCompleted)
	})
}

func TestATaskCanBeCancelledFromTheMomentThatItSaysRunning(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.wire.slow = func() time.Duration { return time.Second }
		f.start(work(untilCancelled))
		id := f.run()
		f.wantStatus(id, task.Running) // and task_started is still on its way
		f.cancel(id)
		pass(3 * time.Second)
		f.wantEvents(id, task.EventStarted, task.EventCancelRequested, task.EventCancelled)
	})
}

func TestACallerThatGoesAwayDoesNotUndoItsCancellation(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.build(work(succeed))
		id := f.run()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Cancel(ctx, id); err != nil {
			t.Error(err)
		}
		f.wantEvents(id, task.EventCancelled)
	})
}
