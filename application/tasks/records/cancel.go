package records

import (
	"context"
	"time"

	"heliograph/domain/task"
)

// cancelTime bounds how long RequestCancel tries to reach the store: its caller
// waits.
const cancelTime = 5 * time.Second

// RequestCancel ends a pending task, which AnnounceEnd is to publish, and marks a
// running one, of which its attempt publishes that. It returns the record. Errors: those of task.Store, task.ErrNotCancellable.
func (r *Records) RequestCancel(ctx context.Context, id task.ID) (task.Task, error) {
	limited, end := context.WithTimeout(ctx, cancelTime)
	defer end()
	e := r.ends.begin()
	var cancelled Ending // what was done before, should the store's answer have been lost
	t, err := r.updateWithRetry(limited, byID(id), func(t *task.Task) error {
		switch {
		case cancelled.appliedTo(t):
			return errUnchanged
		case t.Status.Terminal():
			return task.ErrNotCancellable
		case t.Status == task.Pending:
			cancelled = Ending{Status: task.Cancelled, At: time.Now(), Forced: true}
			cancelled.apply(t, t.Seq)
			r.markFinalEventPending(t)
		default:
			t.Ran = r.Ran(t)
		}
		t.CancelRequested = true
		return nil
	}, func() {})
	r.ends.tried(e, id, t, err)
	return t, err
}
