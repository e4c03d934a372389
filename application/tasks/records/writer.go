package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heliograph/application/tasks/lifecycle"
	"heliograph/domain/task"
)

// writer changes records in the store, each change by compare-and-set. It is safe for
// concurrent use.
type writer struct {
	store   task.Store
	life    *lifecycle.Lifecycle
	trouble *TroubleLog
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
func (w *writer) update(ctx context.Context, known task.Task, change func(*task.Task) error) (task.Task, error) {
	for before := known; ; before = byID(known.ID) {
		if before.Revision == 0 {
			var err error
			if before, err = w.store.Get(ctx, known.ID); err != nil {
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
		stored, err := w.store.Update(ctx, after)
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
func (w *writer) updateWithRetry(ctx context.Context, known task.Task, change func(*task.Task) error, refused func()) (task.Task, error) {
	t, err := w.update(ctx, known, change)
	for misses := 0; err != nil && !Decided(err); misses++ {
		refused()
		w.trouble.Warn(ctx, "task could not be changed yet", known.ID, err)
		select {
		case <-time.After(PauseAfter(misses)):
		case <-ctx.Done():
			return t, err
		case <-w.life.Abandon.C:
			return w.update(ctx, byID(known.ID), change)
		}
		t, err = w.update(ctx, byID(known.ID), change)
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
