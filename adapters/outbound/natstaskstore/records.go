package natstaskstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/task"
)

// errDeleted: a task of that ID was there and was deleted, or another call has
// ruled out that there ever will be one.
var errDeleted = fmt.Errorf("%w: the task was deleted", task.ErrConflict)

// records reads and changes the records of tasks, which are kept under their IDs. It is
// safe for concurrent use.
type records struct {
	bucket *natsbroker.Bucket
	// written is what this node has written last, which it need not decode when it
	// comes back as a change.
	written *lru.Cache[task.ID, written]
}

// written is a record that this node has offered to the server.
type written struct {
	task task.Task // as decode makes it of text, but for the revision; 0 until the server has taken it
	text []byte
}

const (
	// writtenKept is how many written records are kept: more than are under way at any
	// time.
	writtenKept = 1024
	// writtenBytes bounds the text of one that is kept: 16 MiB together.
	writtenBytes = 16 << 10
)

func newRecords(bucket *natsbroker.Bucket) (*records, error) {
	kept, err := lru.New[task.ID, written](writtenKept)
	return &records{bucket: bucket, written: kept}, err
}

// read is decode, which it does without for what this node has written.
func (r *records) read(id task.ID, text []byte, revision uint64) (task.Task, error) {
	if w, ok := r.written.Peek(id); ok && bytes.Equal(w.text, text) {
		w.task.Revision = revision
		return w.task, nil
	}
	return decode(id, text, revision)
}

// writtenHere returns the task as this node has stored it last, if it did so lately.
func (r *records) writtenHere(id task.ID) (t task.Task, ok bool) {
	w, ok := r.written.Peek(id)
	return w.task, ok && w.task.Revision != 0
}

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
	t.Revision = 0
	r.keep(t, text) // before the change can come back
	t.Revision, err = r.bucket.Update(ctx, taskKey(t.ID), text, revision)
	if err != nil {
		return task.Task{}, err
	}
	r.keep(t, text)
	return t, nil
}

func (r *records) keep(t task.Task, text []byte) {
	if len(text) <= writtenBytes {
		r.written.Add(t.ID, written{t, text})
	} else {
		r.written.Remove(t.ID)
	}
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
	err = r.bucket.MarkDeleted(ctx, taskKey(id), 0, 0)
	if err != nil && !natsbroker.Conflict(err) {
		return false, failure(err)
	}
	if _, err = r.get(ctx, id); errors.Is(err, task.ErrNotFound) {
		return true, nil
	}
	return false, err
}
