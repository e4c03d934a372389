package runner

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"heliograph/application/tasks/records"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/task"
)

// Start starts the workers of the pool, which run until the queue is closed.
func (r *Runner) Start(ctx context.Context) {
	for range r.Workers {
		r.Life.Go(func() { r.work(ctx) })
	}
}

// work runs one task of the pool after the other until the queue is closed.
func (r *Runner) work(ctx context.Context) {
	for {
		e, err := r.Queue.Next(ctx, func(typ *task.Type) bool { return !typ.Outside })
		if err != nil {
			return
		}
		r.runInPool(ctx, e)
	}
}

// runInPool runs a task with its handler, unless it was cancelled while it waited.
func (r *Runner) runInPool(ctx context.Context, e *scheduler.Entry) {
	a, runCtx, err := r.Begin(ctx, e)
	if err != nil {
		return
	}
	defer a.cancel(nil)
	r.Records.Attempts.PublishStarted(ctx, a.Task)
	returned := r.call(runCtx, a)
	t, gaveUp := r.follow(ctx, runCtx, a)
	if gaveUp != nil {
		r.waitForHandler(ctx, a, returned, gaveUp.waitForHandler)
	}
	r.settle(ctx, a, t)
}

// call calls the handler in a goroutine of its own, so that one which ignores its
// context can be left behind. The channel is closed when it is back.
func (r *Runner) call(ctx context.Context, a *Attempt) (returned <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		e := records.Failed(records.LeftGoroutine())
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				e = panicked(ctx, r.Log, a.Task, v)
			}
			e.At = time.Now()
			a.Offer(e)
		}()
		r.withOutput(ctx, a, func(ctx context.Context) {
			result, err := a.Type().Handler.Run(task.NewContext(ctx, a.Task.Execution()), a.Task.Params, a.seq)
			e = records.Outcome(ctx, result, err)
		})
	}()
	return done
}

// panicked says what a handler panicked with (rule T6). Only its first line: some
// libraries put the stack behind it, which belongs in the log (rule T5).
func panicked(ctx context.Context, log *slog.Logger, t task.Task, value any) records.Ending {
	log.ErrorContext(ctx, "task panicked", slog.String("task_id", string(t.ID)), slog.String("type", t.Type),
		slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
	line, _, _ := strings.Cut(fmt.Sprint(value), "\n")
	return records.Failed(records.Panicked(line))
}

// waitForHandler returns, so that the worker is as good as a new one, when the handler
// is back after all or the time is over. The goroutine of a handler cannot be ended;
// whatever one that is left behind still does has no effect here.
func (r *Runner) waitForHandler(ctx context.Context, a *Attempt, returned <-chan struct{}, limit time.Duration) {
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case <-returned:
		return
	case <-over.C:
	case <-r.Life.Abandon.C:
	}
	r.Log.ErrorContext(ctx, "task handler ignores its context and was abandoned",
		slog.String("task_id", string(a.ID)), slog.String("type", a.Task.Type))
}
