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

// Pool runs the tasks that have a handler, each in one of its workers. It is safe for
// concurrent use.
type Pool struct {
	Workers int
	Outputs Outputs // nil: what handlers print goes nowhere
	Runner  *Runner
}

// Start starts the workers, which run until the queue is closed.
func (p *Pool) Start(ctx context.Context) {
	for range p.Workers {
		p.Runner.Life.Go(func() { p.work(ctx) })
	}
}

// work runs one task after the other until the queue is closed.
func (p *Pool) work(ctx context.Context) {
	for {
		e, err := p.Runner.Queue.Next(ctx, func(typ *task.Type) bool { return !typ.Outside })
		if err != nil {
			return
		}
		p.run(ctx, e)
	}
}

// run runs a task with its handler, unless it was cancelled while it waited.
func (p *Pool) run(ctx context.Context, e *scheduler.Entry) {
	r := p.Runner
	a, runCtx, err := r.Begin(ctx, e)
	if err != nil {
		return
	}
	defer a.cancel(nil)
	r.Records.Attempts.PublishStarted(ctx, a.Task)
	returned := p.call(runCtx, a)
	t, gaveUp := r.follow(ctx, runCtx, a)
	if gaveUp != nil {
		p.waitForHandler(ctx, a, returned, gaveUp.waitForHandler)
	}
	r.settle(ctx, a, t)
}

// call calls the handler in a goroutine of its own, so that one which ignores its
// context can be left behind. The channel is closed when it is back.
func (p *Pool) call(ctx context.Context, a *Attempt) (returned <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		e := records.Failed(records.LeftGoroutine())
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				e = panicked(ctx, p.Runner.Log, a.Task, v)
			}
			e.At = time.Now()
			a.Offer(e)
		}()
		p.withOutput(ctx, a, func(ctx context.Context) {
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
func (p *Pool) waitForHandler(ctx context.Context, a *Attempt, returned <-chan struct{}, limit time.Duration) {
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case <-returned:
		return
	case <-over.C:
	case <-p.Runner.Life.Abandon.C:
	}
	p.Runner.Log.ErrorContext(ctx, "task handler ignores its context and was abandoned",
		slog.String("task_id", string(a.ID)), slog.String("type", a.Task.Type))
}
