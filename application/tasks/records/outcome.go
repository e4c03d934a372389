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
	// Retry says that another attempt may follow instead.
	Retry bool
}

// Failed is the ending of a task with an error. What f has not is made up.
func Failed(f task.Failure) Ending {
	if !task.ValidCode(f.Code) {
		f.Code = task.CodeFailed
	}
	return Ending{Status: task.Failed, Err: cmp.Or(f.Error, noReason), Code: f.Code}
}

// GivenUp is the ending, now, of a task that the service gives up.
func GivenUp(f task.Failure) Ending {
	return Ending{Status: task.Failed, Err: f.Error, Code: f.Code, At: time.Now(), Forced: true}
}

// Lost is GivenUp for one whose worker or node is gone: another attempt may follow.
func Lost(f task.Failure) Ending {
	e := GivenUp(f)
	e.Retry = true
	return e
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
		return Failed(task.Failure{Error: notUTF8, Code: task.CodeInvalidResult})
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, result); err != nil {
		return Failed(task.Failure{Error: notJSON + err.Error(), Code: task.CodeInvalidResult})
	}
	return Ending{Status: task.Completed, Result: compact.Bytes()}
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
		return Failed(task.Failure{Error: err.Error(), Code: task.CodeOf(err)})
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
	return Ending{Status: task.Failed, Err: f.Error, Code: f.Code, At: e.At, Forced: e.Forced}
}
