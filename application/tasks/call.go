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

// call is a handler at work, in a goroutine of its own.
type call struct {
	done   chan struct{} // closed when the handler is back
	ending ending        // what it said; to be read once done is closed
}

// call calls the handler of t.
func (s *Service) call(ctx context.Context, t task.Task, report task.Reporter) *call {
	c := &call{done: make(chan struct{}), ending: failed("the task ended its goroutine instead of returning")}
	go func() {
		defer close(c.done)
		defer func() {
			if v := recover(); v != nil {
				c.ending = s.panicked(ctx, t, v)
			}
			c.ending.at = time.Now()
		}()
		result, err := s.handler(t.Type).Run(ctx, t.Params, report)
		c.ending = conclude(ctx, result, err)
	}()
	return c
}

// panicked says what a handler panicked with (rule T6). Only its first line: some
// libraries put the stack behind it, which belongs in the log (rule T5).
func (s *Service) panicked(ctx context.Context, t task.Task, value any) ending {
	s.log.ErrorContext(ctx, "task panicked", slog.String("task_id", string(t.ID)), slog.String("type", t.Type),
		slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
	line, _, _ := strings.Cut(fmt.Sprint(value), "\n")
	return failed("the task panicked: " + line)
}

// surrender is why a handler is not waited for any longer.
type surrender struct {
	cause    error         // for its context
	message  string        // for users
	patience time.Duration // how long its worker still waits, once the task has ended
}

// await returns how the task ended: as the handler says, or if that is not back,
// as it must look to others, and why it was given up.
func (s *Service) await(ctx context.Context, cancel context.CancelCauseFunc, c *call) (ending, *surrender) {
	why := s.outwait(ctx, cancel, c)
	select {
	case <-c.done: // perhaps at the last moment: what is reported is what happened
		return c.ending, nil
	default:
		cancel(why.cause)
		e := failed(why.message)
		e.at = time.Now()
		return e, why
	}
}

// outwait returns nil when the handler is back, or else why to give it up.
func (s *Service) outwait(ctx context.Context, cancel context.CancelCauseFunc, c *call) *surrender {
	limit := time.NewTimer(s.cfg.Timeout)
	defer limit.Stop()
	cutOff, cancelled := s.shutdown.cutOff.c, ctx.Done()
	var grace <-chan time.Time // runs once ctx was cancelled
	for {
		select {
		case <-c.done:
			return nil
		case <-cutOff:
			cutOff = nil
			cancel(task.ErrCancelled)
		case <-cancelled:
			cancelled, grace = nil, time.After(s.cfg.CancelGrace)
		case <-limit.C:
			return &surrender{task.ErrTimeLimit, fmt.Sprintf("%s of %s", task.ErrTimeLimit, s.cfg.Timeout), s.cfg.CancelGrace}
		case <-grace:
			return abandon(fmt.Sprintf("it did not stop within %s of its cancellation", s.cfg.CancelGrace))
		case <-s.shutdown.abandon.c:
			return abandon("it did not stop when the service shut down")
		}
	}
}

func abandon(why string) *surrender {
	return &surrender{cause: task.ErrCancelled, message: "the task was abandoned: " + why}
}

// leave returns, so that the worker is as good as a new one, when the handler is
// back after all or patience is over. The goroutine of a handler cannot be ended;
// whatever one that is left behind still does has no effect here.
func (s *Service) leave(ctx context.Context, t task.Task, c *call, patience time.Duration) {
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case <-c.done:
		return
	case <-over.C:
	case <-s.shutdown.abandon.c:
	}
	s.log.ErrorContext(ctx, "task handler ignores its context and was abandoned",
		slog.String("task_id", string(t.ID)), slog.String("type", t.Type))
}
