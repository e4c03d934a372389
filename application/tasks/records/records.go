// Package records changes the records of tasks, and publishes the changes.
//
// Every change is a compare-and-set in the store, which decides all races: between
// Cancel and an attempt that begins or ends, and between nodes. An attempt has a
// lease, a token in the record, and the nodes that own it one after the other have
// rising generations; a change that names an older one is refused. So the order of
// things does not depend on there being only one node.
package records

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"heliograph/application/tasks/lifecycle"
	"heliograph/domain/cluster"
	"heliograph/domain/event"
	"heliograph/domain/task"
)

// Deps is what Records needs.
type Deps struct {
	Store     task.Store
	Nodes     cluster.Nodes
	Publisher event.Publisher
	Metrics   task.Metrics
	Life      *lifecycle.Lifecycle
	Log       *slog.Logger
	// MaxEventBytes bounds the payload of an event (rule E8), at least MinEventBytes.
	MaxEventBytes int
	// MaxWritten bounds event.Written of it likewise; 0 is no bound.
	MaxWritten int
	// Ended is called with each task whose record was made terminal here.
	Ended func(task.Task)
}

// Records holds all tasks' records. It is safe for concurrent use.
type Records struct {
	// Limits bounds the texts that are stored.
	Limits Limits

	store     task.Store
	nodes     cluster.Nodes
	metrics   task.Metrics
	life      *lifecycle.Lifecycle
	log       *slog.Logger
	ended     func(task.Task)
	publisher *outbox
	trouble   troubleLog
	turns     *turns
	ends      *ends
}

// New returns the records in d.Store.
func New(d Deps) *Records {
	r := &Records{
		Limits: limitsFor(d.MaxEventBytes), store: d.Store, nodes: d.Nodes, metrics: d.Metrics, life: d.Life, log: d.Log, ended: d.Ended,
		publisher: newOutbox(sender{d.Publisher, d.MaxEventBytes, d.MaxWritten, d.Log}, d.Life, !d.Store.Outlives()), trouble: troubleLog{log: d.Log}, turns: newTurns(),
	}
	r.ends = newEnds(d, func(ctx context.Context, err error) {
		r.trouble.warn(ctx, "published ends of tasks could not be recorded yet", slog.Any("error", err))
	})
	return r
}

var (
	// errTransition says that rule T2 has no such transition. Another was faster.
	errTransition = errors.New("the task cannot become that any more")
	// errUnchanged says that the record is already as it should be.
	errUnchanged = errors.New("nothing is to be changed")
)

// byID is a task of which only the ID is known.
func byID(id task.ID) task.Task { return task.Task{ID: id} }

// update changes a task as it is known and stores it; when another call has changed
// it since, it is read and changed anew. It returns what was stored. When change
// fails, so does update, and nothing is changed; but with errUnchanged it returns the
// record as it is. Errors: those of task.Store and of change, errTransition.
func (r *Records) update(ctx context.Context, known task.Task, change func(*task.Task) error) (task.Task, error) {
	for before := known; ; before = byID(known.ID) {
		if before.Revision == 0 {
			var err error
			if before, err = r.store.Get(ctx, known.ID); err != nil {
				return task.Task{}, err
			}
		}
		after := before
		switch err := change(&after); {
		case errors.Is(err, errUnchanged):
			return before, nil
		case err != nil:
			return task.Task{}, err
		}
		if after.Status != before.Status && !before.Status.CanBecome(after.Status) {
			return task.Task{}, fmt.Errorf("%w: %s is %s, wanted %s", errTransition, before.ID, before.Status, after.Status)
		}
		stored, err := r.store.Update(ctx, after)
		if !errors.Is(err, task.ErrConflict) {
			return stored, err
		}
	}
}

// The shortest and the longest wait before a change that the store did not take
// is tried again.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// PauseAfter is the wait after so many misses before.
func PauseAfter(misses int) time.Duration { return min(minPause<<min(misses, 10), maxPause) }

// updateWithRetry is update until the store has taken the change, or refused it for
// good, or ctx ends, or a shutdown leaves no more time. A store that fails may have
// taken it all the same: change must know it again and return errUnchanged. So what
// follows the change follows once. refused is called each time that the store did
// not take it.
func (r *Records) updateWithRetry(ctx context.Context, known task.Task, change func(*task.Task) error, refused func()) (task.Task, error) {
	t, err := r.update(ctx, known, change)
	for misses := 0; err != nil && !Decided(err); misses++ {
		refused()
		r.Warn(ctx, "task could not be changed yet", known.ID, err)
		select {
		case <-time.After(PauseAfter(misses)):
		case <-ctx.Done():
			return t, err
		case <-r.life.Abandon.C:
			return r.update(ctx, byID(known.ID), change)
		}
		t, err = r.update(ctx, byID(known.ID), change)
	}
	return t, err
}

// Decided reports whether trying the change again is pointless: the task is not
// what it must be for it.
func Decided(err error) bool {
	return errors.Is(err, errTransition) || errors.Is(err, task.ErrNotFound) ||
		errors.Is(err, task.ErrLeaseLost) || errors.Is(err, task.ErrNotCancellable) ||
		errors.Is(err, task.ErrTooLarge)
}

// Warn warns of a store that does not take a change of a task now, which is tried
// again: what says which.
func (r *Records) Warn(ctx context.Context, what string, id task.ID, err error) {
	r.trouble.warn(ctx, what, slog.String("task_id", string(id)), slog.Any("error", err))
}
