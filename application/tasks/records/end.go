package records

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"heliograph/application/tasks/lifecycle"
	"heliograph/domain/task"
)

// Ends ends tasks and publishes that: those that run when their attempt ends, unless another
// attempt follows, and those that wait when they are cancelled. It is safe for concurrent use.
type Ends struct {
	store       task.Store
	life        *lifecycle.Lifecycle
	limits      Limits
	metrics     task.Metrics
	log         *slog.Logger
	ended       func(task.Task)
	turns       *Turns
	writer      *writer
	outbox      *outbox
	finalEvents *FinalEvents
	unpublished *unpublishedEnds
}

// Conclusion is the end of an attempt, which its record is to have.
type Conclusion struct {
	Ending
	Begun task.Task // the record when the attempt began
	Known task.Task // as it was last seen
	Owner Ownership
	Type  *task.Type
	Last  uint64 // the number of the attempt's last event
	// Published is the number up to which its events were published; 0 if that is not known,
	// as of an attempt of another node.
	Published uint64
	// Revision is the only one of the record that may be ended; 0 is any.
	Revision uint64
	// Ran is how long the attempt has run.
	Ran time.Duration
	// Reports counts the relayed reports that were taken up: what came later goes into the record with the end.
	Reports uint64
	// Refused is called when the store did not take the end, which is tried again, and
	// Recorded when it did, or never will, before it is published; nil is nothing.
	Refused, Recorded func()
}

// End makes the record of a running task terminal and then publishes it: exactly
// once, since no second attempt to change the record can succeed (rule T11). Or it
// makes it pending for the next attempt, or once more for the same one, if its worker gave
// it back, and publishes that. A result that the store cannot hold makes it failed, and is task.ErrTooLarge.
func (s *Ends) End(ctx context.Context, c Conclusion) (task.Task, error) {
	if c.Refused == nil {
		c.Refused = func() {}
	}
	if c.Recorded == nil {
		c.Recorded = func() {}
	}
	done, err := s.turns.wait(ctx, c.Begun.ID)
	if err != nil {
		c.Recorded()
		return task.Task{}, err
	}
	defer done()
	c.Err = Cut(c.Err, s.limits.Error)
	e := s.unpublished.begin()
	t, err := s.conclude(ctx, c)
	refused := err
	if errors.Is(err, task.ErrTooLarge) {
		instead := c
		instead.Ending = c.instead(resultTooLarge(len(c.Result)))
		t, err = s.conclude(ctx, instead)
	}
	s.unpublished.tried(e, c.Begun.ID, t, err)
	c.Recorded()
	if c.Lost && c.Type.Outside {
		s.metrics.LeaseLost(c.Type.Name)
	}
	if errors.Is(err, task.ErrLeaseLost) {
		s.log.DebugContext(ctx, "task is another node's by now, its end here does not count", slog.String("task_id", string(c.Begun.ID)))
		return task.Task{}, err
	}
	if err != nil {
		s.log.ErrorContext(ctx, "task ended but its record could not be changed",
			slog.String("task_id", string(c.Begun.ID)), slog.String("status", string(c.Status)), slog.Any("error", err))
		return task.Task{}, err
	}
	switch {
	case t.Status.Terminal():
		if t.CancelSeq > c.Published {
			s.outbox.publish(ctx, noted(t, Note{task.EventCancelRequested, t.CancelSeq, t.Ended}))
		}
		s.Announce(ctx, t)
	case c.released():
		s.outbox.publish(ctx, queued(t))
	default:
		s.announceRetry(ctx, t, c.At)
	}
	return t, refused
}

func (s *Ends) conclude(ctx context.Context, c Conclusion) (task.Task, error) {
	return s.writer.updateWithRetry(ctx, c.Known, func(t *task.Task) error { return s.applyConclusion(t, c) }, c.Refused)
}

// applyConclusion is what the end of an attempt does to the task's record.
func (s *Ends) applyConclusion(t *task.Task, c Conclusion) error {
	mayWait := !t.CancelRequested && (s.store.Outlives() || !s.life.Refusing.Passed())
	switch policy := c.Type.Policy; {
	case c.appliedTo(t), c.retries(policy) && t.Status == task.Pending && t.Attempt == c.Begun.Attempt+1 && t.Seq == c.Last+1,
		c.released() && t.Status == task.Pending && t.Seq == c.Last+1:
		return errUnchanged // the store did it before, but its answer was lost
	case t.Status != task.Running, !c.Owner.Of(t), c.Revision != 0 && t.Revision != c.Revision:
		return task.ErrLeaseLost
	case c.retries(policy) && t.Attempt < policy.Attempts && mayWait:
		startOver(t, c)
	case c.released() && mayWait:
		takeUp(t, c.Reports)
		giveBack(t, c.Last)
	default:
		if c.released() {
			c.Status = task.Cancelled
		}
		t.Ran = c.Ran
		takeUp(t, c.Reports)
		last := c.Last
		if t.CancelRequested && t.CancelSeq == 0 { // and it has ended before its attempt learned of that
			last++
			t.CancelSeq = last
		}
		c.apply(t, last)
		s.finalEvents.mark(t)
	}
	return nil
}

// takeUp puts into the progress what was relayed after so many reports.
func takeUp(t *task.Task, reports uint64) {
	for _, relayed := range t.Relayed {
		if relayed.Number > reports {
			t.Progress = t.Progress.With(relayed.Update.Usable())
		}
	}
	t.Relayed = nil
}

// Announce counts, logs and publishes the end of a task whose record has just become
// terminal, in the same turn (Turns).
func (s *Ends) Announce(ctx context.Context, t task.Task) {
	s.ended(t)
	s.metrics.Ended(t.Type, t.Status, t.Ran)
	level := slog.LevelDebug
	if t.Status == task.Failed {
		level = slog.LevelInfo
	}
	s.log.LogAttrs(ctx, level, "task ended", slog.String("task_id", string(t.ID)), slog.String("type", t.Type),
		slog.String("status", string(t.Status)), slog.String("error", loggedError(t)), slog.Duration("ran", t.Ran))
	s.finalEvents.announce(ctx, t)
}

// maxLoggedError bounds what of an error is logged, in bytes.
const maxLoggedError = 200

// loggedError returns the part of a failed task's error that is logged: its first
// line. What a command printed follows that, and payloads are never logged; the
// status has all of it. The error of a task that is not for everyone may hold what is
// for its audience only, and is not logged (rule A12).
func loggedError(t task.Task) string {
	if t.Audience != nil {
		return ""
	}
	text, _, _ := strings.Cut(t.Error, "\n")
	return strings.ToValidUTF8(text[:min(len(text), maxLoggedError)], "")
}

// giveBack makes t pending for the same attempt. The progress stays: within an attempt
// its value never goes back (rule T4).
func giveBack(t *task.Task, last uint64) {
	sameAgain(t)
	t.Ran, t.Reports, t.Seq = 0, 0, last+1
}

// startOver makes t pending for its next attempt. The lease stays with what failed by
// itself, which may say so again.
func startOver(t *task.Task, c Conclusion) {
	t.Attempt++
	t.Status, t.Error, t.ErrorCode = task.Pending, c.Err, c.Code
	t.NotBefore = time.Now().Add(c.Type.Policy.RetryDelay(t.ID, t.Attempt)).UTC()
	if c.Forced {
		t.Lease = ""
	}
	t.Node, t.RunsOn, t.Worker, t.Ran, t.Reports, t.Relayed = "", "", "", 0, 0, nil
	t.Progress, t.Seq = task.Progress{}, c.Last+1
}

// announceRetry logs and publishes that an attempt has ended and another follows, as the
// record of t says.
func (s *Ends) announceRetry(ctx context.Context, t task.Task, ended time.Time) {
	s.metrics.Retried(t.Type)
	s.log.InfoContext(ctx, "task is tried again", slog.String("task_id", string(t.ID)), slog.String("type", t.Type),
		slog.Int("attempt", t.Attempt), slog.Time("next_at", t.NotBefore), slog.String("error", loggedError(t)))
	e := newEvent(task.EventRetrying, t, ended.UTC())
	e.Attempt--
	e.Data = task.Retrying{Failure: t.Failure(), Attempt: t.Attempt, NextAt: t.NotBefore}
	s.outbox.publish(ctx, e)
}
