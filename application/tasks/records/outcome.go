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
	At     time.Time
	// Forced says that the service decided it, not what ran the task; the lease is
	// taken away.
	Forced bool
	// Retry says that another attempt may follow instead.
	Retry bool
}

// Failed is the ending of a task with an error.
func Failed(message string) Ending {
	return Ending{Status: task.Failed, Err: cmp.Or(message, noReason)}
}

// Lost is the ending, now, of a task whose worker or node is gone: another attempt
// may follow.
func Lost(message string) Ending {
	return Ending{Status: task.Failed, Err: message, At: time.Now(), Forced: true, Retry: true}
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
		return Failed(notUTF8)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, result); err != nil {
		return Failed(notJSON + err.Error())
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
		return Failed(err.Error())
	}
}

// apply makes t terminal; last is the number of the event before its last one.
func (e Ending) apply(t *task.Task, last uint64) {
	t.Status, t.Result, t.Error, t.Ended = e.Status, e.Result, e.Err, e.At.UTC()
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
func (e Ending) instead(message string) Ending {
	return Ending{Status: task.Failed, Err: message, At: e.At, Forced: e.Forced}
}
