package records

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"heliograph/domain/task"
)

// Ending is how and when a task ended.
type Ending struct {
	Status task.Status
	Result json.RawMessage // of a completed task
	Err    string          // of a failed one
	Code   string          // likewise (task.Failure)
	At     time.Time
	// Forced says that the service decided it, not what ran the task; the lease is
	// taken away.
	Forced bool
	// Lost says that the worker or the node is gone, and TimedOut that it ran for longer
	// than it may.
	Lost, TimedOut bool
	// Final says that trying again is useless.
	Final bool
}

// Failed is the ending of a task with an error. What f has not is made up.
func Failed(f task.Failure) Ending {
	if !task.ValidCode(f.Code) {
		f.Code = task.CodeFailed
	}
	return Ending{Status: task.Failed, Err: cmp.Or(f.Error, noReason), Code: f.Code, Final: f.Final}
}

// GivenUp is the ending, now, of a task that the service gives up for good.
func GivenUp(f task.Failure) Ending {
	return Ending{Status: task.Failed, Err: f.Error, Code: f.Code, At: time.Now(), Forced: true, Final: true}
}

// Lost is the ending, now, of an attempt whose worker or node is gone: another may follow.
func Lost(f task.Failure) Ending {
	e := GivenUp(f)
	e.Lost, e.Final = true, false
	return e
}

// TimedOut is the ending, now, of an attempt that has run for longer than it may.
func TimedOut(f task.Failure) Ending {
	e := GivenUp(f)
	e.TimedOut, e.Final = true, false
	return e
}

// retries reports whether another attempt may follow, by a type's policy (rule T18).
func (e Ending) retries(policy task.Policy) bool {
	switch {
	case e.Status != task.Failed, e.Final:
		return false
	case e.Lost:
		return true
	case e.TimedOut:
		return policy.RetryTimeouts
	default:
		return policy.RetryFailures
	}
}

// Released is the ending of an attempt whose worker gives the task back: it is pending
// again and no attempt is used up; or it is cancelled, if it could not be begun again.
func Released() Ending { return Ending{Status: task.Pending} }

func (e Ending) released() bool { return e.Status == task.Pending }

// Completed checks and copies the result, which is the handler's.
func Completed(result json.RawMessage) Ending {
	if len(result) == 0 {
		return Ending{Status: task.Completed}
	}
	if !utf8.Valid(result) { // event streams are; the JSON package takes any bytes in strings
		return unusable(notUTF8)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, result); err != nil {
		return unusable(notJSON + err.Error())
	}
	return Ending{Status: task.Completed, Result: compact.Bytes()}
}

// unusable is the ending of a task that has done its work, but whose result is of no use:
// doing it again would not make a better one.
func unusable(message string) Ending {
	return Failed(task.Failure{Error: message, Code: task.CodeInvalidResult, Final: true})
}

// Outcome makes an ending of what a handler returned: what is reported
// is what happened, so a task that finished its work although it was cancelled is
// completed (rule T7).
func Outcome(ctx context.Context, result json.RawMessage, err error) Ending {
	switch {
	case err == nil:
		return Completed(result)
	case errors.Is(err, task.ErrCancelled), errors.Is(context.Cause(ctx), task.ErrCancelled):
		return Ending{Status: task.Cancelled}
	default:
		final := errors.Is(err, task.ErrPermanent) || errors.Is(err, task.ErrInvalidParams) // which will not change
		return Failed(task.Failure{Error: err.Error(), Code: task.CodeOf(err), Final: final})
	}
}

// apply makes t terminal; last is the number of the event before its last one.
func (e Ending) apply(t *task.Task, last uint64) {
	t.Status, t.Result, t.Error, t.ErrorCode, t.Ended = e.Status, e.Result, e.Err, e.Code, e.At.UTC()
	t.Seq, t.NotBefore, t.Node = last+1, time.Time{}, ""
	if e.Forced {
		t.Lease = ""
	}
}

// appliedTo reports whether t has ended so already.
func (e Ending) appliedTo(t *task.Task) bool {
	same := t.Status == e.Status || e.released() && t.Status == task.Cancelled
	return same && t.Ended.Equal(e.At)
}

// instead is the ending of the same task at the same time with an error.
func (e Ending) instead(f task.Failure) Ending {
	return Ending{Status: task.Failed, Err: f.Error, Code: f.Code, At: e.At, Forced: e.Forced, Final: true}
}
