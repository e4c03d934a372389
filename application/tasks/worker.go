package tasks

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"heliograph/domain/task"
)

// work runs one task of the pool after the other until the queue is closed.
func (s *Service) work(ctx context.Context) {
	for {
		e, err := s.queue.next(ctx, func(l *line) bool { return !l.typ.Outside })
		if err != nil {
			return
		}
		s.runHere(ctx, e)
	}
}

// runHere runs a task with its handler, unless it was cancelled while it waited.
func (s *Service) runHere(ctx context.Context, e *entry) {
	a, runCtx, err := s.attempt(ctx, e)
	if err != nil {
		return
	}
	defer a.cancel(nil)
	s.tellBegun(ctx, a)
	returned := s.call(runCtx, a)
	if _, gaveUp := s.follow(ctx, runCtx, a); gaveUp != nil {
		s.leave(ctx, a, returned, gaveUp.patience)
	}
	s.queue.done(e)
}

// call calls the handler in a goroutine of its own, so that one which ignores its
// context can be left behind. The channel is closed when it is back.
func (s *Service) call(ctx context.Context, a *attempt) (returned <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		e := failed("the task ended its goroutine instead of returning")
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				e = s.panicked(ctx, a.task, v)
			}
			e.at = time.Now()
			a.offer(e)
		}()
		result, err := a.line.typ.Handler.Run(ctx, a.task.Params, a.seq)
		e = outcome(ctx, result, err)
	}()
	return done
}

// panicked says what a handler panicked with (rule T6). Only its first line: some
// libraries put the stack behind it, which belongs in the log (rule T5).
func (s *Service) panicked(ctx context.Context, t task.Task, value any) ending {
	s.log.ErrorContext(ctx, "task panicked", slog.String("task_id", string(t.ID)), slog.String("type", t.Type),
		slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
	line, _, _ := strings.Cut(fmt.Sprint(value), "\n")
	return failed("the task panicked: " + line)
}

// leave returns, so that the worker is as good as a new one, when the handler is
// back after all or patience is over. The goroutine of a handler cannot be ended;
// whatever one that is left behind still does has no effect here.
func (s *Service) leave(ctx context.Context, a *attempt, returned <-chan struct{}, patience time.Duration) {
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case <-returned:
		return
	case <-over.C:
	case <-s.shutdown.abandon.c:
	}
	s.log.ErrorContext(ctx, "task handler ignores its context and was abandoned",
		slog.String("task_id", string(a.id)), slog.String("type", a.task.Type))
}
