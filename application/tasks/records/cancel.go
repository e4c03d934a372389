package records

import (
	"context"
	"time"

	"heliograph/domain/task"
)

// cancelTime bounds how long RequestCancel tries to reach the store: its caller
// waits.
const cancelTime = 5 * time.Second

// RequestCancel ends a pending task, which Announce is to publish, and marks a
// running one, of which its attempt publishes that. It returns the record. Errors: those of task.Store, task.ErrNotCancellable.
func (s *Ends) RequestCancel(ctx context.Context, id task.ID) (task.Task, error) {
	limited, end := context.WithTimeout(ctx, cancelTime)
	defer end()
	e := s.unpublished.begin()
	var cancelled Ending // what was done before, should the store's answer have been lost
	t, err := s.writer.updateWithRetry(limited, byID(id), func(t *task.Task) error {
		switch {
		case cancelled.appliedTo(t):
			return errUnchanged
		case t.Status.Terminal():
			return task.ErrNotCancellable
		case t.Status == task.Pending:
			cancelled = Ending{Status: task.Cancelled, At: time.Now(), Forced: true}
			cancelled.apply(t, t.Seq)
			s.finalEvents.mark(t)
		default:
			t.Ran = Ran(s.store, t)
		}
		t.CancelRequested = true
		return nil
	}, func() {})
	s.unpublished.tried(e, id, t, err)
	return t, err
}
