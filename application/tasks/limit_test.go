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

func TestATaskThatRunsTooLongHasFailedAtOnce(t *testing.T) { // T8
	for name, end := range map[string]func() (json.RawMessage, error){
		"though it completes":  func() (json.RawMessage, error) { return json.RawMessage(`1`), nil },
		"though it fails":      func() (json.RawMessage, error) { return nil, errors.New("other") },
		"though it is stopped": func() (json.RawMessage, error) { return nil, task.ErrCancelled },
		"though it panics":     func() (json.RawMessage, error) { panic("other") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cause error
				f := newFixture(t)
				f.cfg.Timeout = time.Minute
				f.start(work(func(ctx context.Context, r task.Reporter) (json.RawMessage, error) {
					<-ctx.Done()
					cause = context.Cause(ctx)
					<-time.After(10 * time.Second)
					r.Value(1)
					return end()
				}))
				id := f.run()
				pass(time.Minute - 1)
				f.wantStatus(id, task.Running)
				pass(1)
				got := f.wantStatus(id, task.Failed)
				if got.Error != "the task exceeded its time limit of 1m0s" || got.ErrorCode != task.CodeTimeLimit || got.Ended.Sub(got.Started) != time.Minute {
					t.Errorf("the record is %+v", got)
				}
				pass(time.Hour)
				f.wantEvents(id, task.EventStarted, task.EventFailed)
				if !errors.Is(cause, task.ErrTimeLimit) {
					t.Errorf("the context's cause was %v", cause)
				}
				if f.logs.Has("abandoned") {
					t.Error("a handler that stopped was called abandoned")
				}
			})
		})
	}
}

func TestAfterTheTimeLimitTheWorkerWaitsForTheHandlerOnlyForTheGrace(t *testing.T) { // T7, T8
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := newFixture(t)
		f.cfg.MaxWorkers, f.cfg.Timeout, f.cfg.CancelGrace = 1, time.Minute, 5*time.Second
		f.start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-release
			return nil, nil
		}))
		id, next := f.run(), f.run()
		pass(time.Minute)
		f.wantStatus(id, task.Failed)
		if running, queued := f.Counts(); running != 0 || queued != 1 {
			t.Errorf("%d run and %d wait", running, queued)
		}
		pass(5 * time.Second)
		f.wantStatus(next, task.Running)
		if !f.logs.Has("level=ERROR", "abandoned", "task_id=task-1") {
			t.Error("nothing is in the log")
		}
		close(release)
		f.wantStatus(next, task.Completed)
	})
}

func TestTheTimeLimitComesBeforeTheGraceOfACancellation(t *testing.T) { // T7, T8
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := newFixture(t)
		f.cfg.Timeout = time.Minute
		f.start(work(func(context.Context, task.Reporter) (json.RawMessage, error) {
			<-release
			return nil, nil
		}))
		id := f.run()
		pass(50 * time.Second)
		f.cancel(id)
		pass(10 * time.Second)
		if got := f.wantStatus(id, task.Failed); got.Error != "the task exceeded its time limit of 1m0s" || got.ErrorCode != task.CodeTimeLimit {
			t.Errorf("the error is %q", got.Error)
		}
		close(release)
		f.wantEvents(id, task.EventStarted, task.EventCancelRequested, task.EventFailed)
	})
}
