package tasks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"heliograph/domain/task"
)

// ending is how and when a task ended.
type ending struct {
	status task.Status
	result json.RawMessage // of a completed task
	err    string          // of a failed one
	at     time.Time
	// decreed says that whoever ran the task did not say so; its lease is taken away.
	decreed bool
	// retry says that another attempt may follow instead.
	retry bool
}

// failed is the ending of a task with an error.
func failed(message string) ending {
	return ending{status: task.Failed, err: cmp.Or(message, "the task failed and did not say why")}
}

// outcome makes an ending of what a handler returned: what is reported
// is what happened, so a task that finished its work although it was cancelled is
// completed (rule T7).
func outcome(ctx context.Context, result json.RawMessage, err error) ending {
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
	if !utf8.Valid(result) { // event streams are; the JSON package takes any bytes in strings
		return failed("the task returned a result that is not UTF-8")
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
	t.Seq, t.NotBefore, t.Node = last+1, time.Time{}, ""
	if e.decreed {
		t.Lease = ""
	}
}

// appliedTo reports whether t has ended so already.
func (e ending) appliedTo(t *task.Task) bool { return t.Status == e.status && t.Ended.Equal(e.at) }

// end makes the record of a running task terminal and then tells of it: exactly
// once, since no second attempt to change the record can succeed (rule T11). Or it
// makes it pending for the next attempt, which the next task_started tells of. A
// result that the store cannot hold makes it failed, and is task.ErrTooLarge.
func (s *Service) end(ctx context.Context, a *attempt, last uint64, e ending) (task.Task, error) {
	e.err = cut(e.err, s.limits.err)
	t, err := s.conclude(ctx, a, last, e)
	refused := err
	if errors.Is(err, task.ErrTooLarge) {
		t, err = s.conclude(ctx, a, last, e.instead(fmt.Sprintf("the result has %d bytes; with the params that is more than can be stored", len(e.result))))
	}
	s.unregister(a)
	if e.retry && a.line.typ.Outside {
		s.metrics.LeaseLost(a.task.Type)
	}
	if errors.Is(err, task.ErrLeaseLost) {
		s.log.DebugContext(ctx, "task is another node's by now, its end here does not count", slog.String("task_id", string(a.id)))
		return task.Task{}, err
	}
	if err != nil {
		s.log.ErrorContext(ctx, "task ended but its record could not be changed",
			slog.String("task_id", string(a.id)), slog.String("status", string(e.status)), slog.Any("error", err))
		return task.Task{}, err
	}
	if t.Status.Terminal() {
		s.announceEnd(ctx, t)
	}
	return t, refused
}

func (s *Service) conclude(ctx context.Context, a *attempt, last uint64, e ending) (task.Task, error) {
	return s.insist(ctx, a.newestRecord(), func(t *task.Task) error { return s.conclusion(t, a, last, e) }, a.refused.close)
}

// instead is the ending of the same task at the same time with an error.
func (e ending) instead(message string) ending {
	return ending{status: task.Failed, err: message, at: e.at, decreed: e.decreed}
}

// conclusion is what the end of an attempt does to the task's record.
func (s *Service) conclusion(t *task.Task, a *attempt, last uint64, e ending) error {
	switch policy := a.line.typ.Policy; {
	case e.appliedTo(t), e.retry && t.Status == task.Pending && t.Attempt == a.task.Attempt+1:
		return errUnchanged // the store did it before, but its answer was lost
	case t.Status != task.Running, !a.owns(t), a.seen != 0 && t.Revision != a.seen:
		return task.ErrLeaseLost
	case e.retry && t.Attempt < policy.Attempts && !t.CancelRequested && (s.store.Outlives() || !s.shutdown.begun.passed()):
		anew(t, policy, last)
	default:
		t.Ran = a.ran()
		a.takeUpRest(t)
		e.apply(t, last)
		s.owe(t)
	}
	return nil
}

// anew makes t pending for its next attempt. Its number grows, so that a snapshot
// that shows it is newer than the progress of the attempt before.
func anew(t *task.Task, policy task.Policy, last uint64) {
	t.Attempt++
	t.Status, t.Lease, t.NotBefore = task.Pending, "", time.Now().Add(policy.RetryDelay(t.Attempt)).UTC()
	t.Node, t.Ran, t.Signs, t.Relayed = "", 0, 0, nil
	t.Progress, t.Seq = task.Progress{}, last+1
}

// announceEnd tells of a task whose record has just become terminal.
func (s *Service) announceEnd(ctx context.Context, t task.Task) {
	s.litter.add(t)
	s.metrics.Ended(t.Type, t.Status, t.Ran)
	level := slog.LevelDebug
	if t.Status == task.Failed {
		level = slog.LevelInfo
	}
	s.log.LogAttrs(ctx, level, "task ended", slog.String("task_id", string(t.ID)), slog.String("type", t.Type),
		slog.String("status", string(t.Status)), slog.String("error", loggedError(t.Error)), slog.Duration("ran", t.Ran))
	s.tell(ctx, t)
}

// maxLoggedError bounds what of an error is logged, in bytes.
const maxLoggedError = 200

// loggedError returns the part of a failed task's error that is logged: its first
// line. What a command printed follows that, and payloads are never logged; the
// status has all of it.
func loggedError(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return strings.ToValidUTF8(text[:min(len(text), maxLoggedError)], "")
}
