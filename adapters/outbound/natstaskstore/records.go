package natstaskstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/task"
)

// errDeleted: a task of that ID was there and was deleted, or another call has
// ruled out that there ever will be one.
var errDeleted = fmt.Errorf("%w: the task was deleted", task.ErrConflict)

// records reads and changes the records of tasks, which are kept under their IDs. It is
// safe for concurrent use.
type records struct{ bucket *natsbroker.Bucket }

// get returns the task of that ID. Errors: task.ErrNotFound, of which errUnreadable is
// one, task.ErrUnavailable.
func (r *records) get(ctx context.Context, id task.ID) (task.Task, error) {
	entry, err := r.bucket.Get(ctx, taskKey(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return task.Task{}, task.ErrNotFound
	}
	if err != nil {
		return task.Task{}, failure(err)
	}
	t, err := decode(id, entry.Value(), entry.Revision())
	if err != nil {
		r.bucket.LeaveOut(taskKey(id), entry.Revision(), err)
		return task.Task{}, errUnreadable
	}
	return t, nil
}

// put writes t if its record is at that revision, 0 for one that was never written.
// Errors: those of NATS.
func (r *records) put(ctx context.Context, t task.Task, revision uint64) (task.Task, error) {
	t, text, err := encode(t)
	if err != nil {
		return task.Task{}, err
	}
	t.Revision, err = r.bucket.Update(ctx, taskKey(t.ID), text, revision)
	if err != nil {
		return task.Task{}, err
	}
	return t, nil
}

// add writes the first record of t. Errors: task.ErrDuplicate, with the task that
// has its ID, errDeleted.
func (r *records) add(ctx context.Context, t task.Task) (task.Task, error) {
	stored, err := r.put(ctx, t, 0)
	if !natsbroker.Conflict(err) {
		return stored, wrapped(err)
	}
	stored, err = r.get(ctx, t.ID)
	switch {
	case err == nil:
		return stored, task.ErrDuplicate
	case errors.Is(err, errUnreadable):
		return task.Task{}, failure(err)
	case errors.Is(err, task.ErrNotFound):
		return task.Task{}, errDeleted
	default:
		return task.Task{}, err
	}
}

// whyNot is why a task is not at the revision that was expected.
func (r *records) whyNot(ctx context.Context, id task.ID) error {
	if _, err := r.get(ctx, id); err != nil {
		return err
	}
	return task.ErrConflict
}

// ruleOut makes sure that there never is a task of that ID, unless there is one.
func (r *records) ruleOut(ctx context.Context, id task.ID) (ruledOut bool, err error) {
	err = r.bucket.MarkDeleted(ctx, taskKey(id))
	if err != nil && !natsbroker.Conflict(err) {
		return false, failure(err)
	}
	if _, err = r.get(ctx, id); errors.Is(err, task.ErrNotFound) {
		return true, nil
	}
	return false, err
}
