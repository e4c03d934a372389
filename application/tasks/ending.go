package tasks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/task"
)

// ending is how and when a task ended.
type ending struct {
	status task.Status
	result json.RawMessage // of a completed task
	err    string          // of a failed one
	at     time.Time
}

// failed is the ending of a task with an error.
func failed(message string) ending {
	return ending{status: task.Failed, err: cmp.Or(message, "the task failed and did not say why")}
}

// conclude makes an ending of what a handler returned: what is reported
// is what happened, so a task that finished its work although it was cancelled is
// completed (rule T7).
func conclude(ctx context.Context, result json.RawMessage, err error) ending {
	switch {
	case err == nil:
		return completed(result)
	case errors.Is(err, task.ErrCancelled), errors.Is(context.Cause(ctx), task.ErrCancelled):
		return ending{status: task.Cancelled}
	default:
		return failed(err.Error())
	}
}

// completed checks and copies the result, which is the handler's.
func completed(result json.RawMessage) ending {
	if len(result) == 0 {
		return ending{status: task.Completed}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, result); err != nil {
		return failed("the task returned a result that is not JSON: " + err.Error())
	}
	return ending{status: task.Completed, result: compact.Bytes()}
}

// apply makes t terminal; last is the number of the event before its last one.
func (e ending) apply(t *task.Task, last uint64) {
	t.Status, t.Result, t.Error, t.Ended = e.status, e.result, e.err, e.at.UTC()
	t.Seq = last + 1
}

// end makes the record of a running task terminal and then tells of it: exactly
// once, since no second attempt to change the record can succeed (rule T11).
func (s *Service) end(ctx context.Context, id task.ID, last uint64, e ending) {
	e.err = cut(e.err, s.limits.err)
	t, err := s.modify(ctx, id, func(t *task.Task) error {
		e.apply(t, last)
		return nil
	})
	s.unregister(id)
	if err != nil {
		s.log.ErrorContext(ctx, "task ended but its record could not be changed",
			slog.String("task_id", string(id)), slog.String("status", string(e.status)), slog.Any("error", err))
		return
	}
	s.announceEnd(ctx, t)
}

// announceEnd tells of a task whose record has just become terminal.
func (s *Service) announceEnd(ctx context.Context, t task.Task) {
	s.metrics.Ended(t.Type, t.Status, ran(t))
	level := slog.LevelDebug
	if t.Status == task.Failed {
		level = slog.LevelInfo
	}
	s.log.LogAttrs(ctx, level, "task ended", slog.String("task_id", string(t.ID)), slog.String("type", t.Type),
		slog.String("status", string(t.Status)), slog.String("error", t.Error), slog.Duration("ran", ran(t)))
	s.broadcast(ctx, endEvent(t))
}

// ran is how long a finished task ran, 0 if it never began.
func ran(t task.Task) time.Duration {
	if t.Started.IsZero() {
		return 0
	}
	return max(0, t.Ended.Sub(t.Started)) // the wall clock may have been set back
}
