package records

import (
	"context"
	"time"

	"heliograph/domain/task"
)

// MarkQueued gives the number of its first event, task_queued, to a task that has to wait
// although it was recorded as one that does not. It returns the record, which is
// unchanged if the task waits no longer. Errors: those of task.Store.
func (r *Records) MarkQueued(ctx context.Context, t task.Task) (task.Task, error) {
	return r.writer.update(ctx, t, func(t *task.Task) error {
		if t.Status != task.Pending || t.Seq > 0 {
			return errUnchanged
		}
		t.Seq = 1
		return nil
	})
}

// PublishQueued publishes that t waits, which has the number of that event. Where other nodes or workers were faster the event is dropped: what became of the
// task is in the log already.
func (r *Records) PublishQueued(ctx context.Context, t task.Task) {
	r.outbox.publish(ctx, queued(t))
}

func queued(t task.Task) task.Event { return newEvent(task.EventQueued, t, time.Now().UTC()) }
