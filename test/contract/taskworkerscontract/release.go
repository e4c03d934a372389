package taskworkerscontract

import (
	"errors"
	"testing"

	"heliograph/domain/task"
)

func (f fixture) release(c task.Claim) error {
	return f.Workers.Release(f.t.Context(), c.Task.ID, c.Lease)
}

// releaseWaitsAgain has a type of one attempt: giving it back uses up none.
func releaseWaitsAgain(t *testing.T, f fixture) {
	f.start(f.Steady)
	first := f.claim(f.Steady)
	half := 0.5
	if _, err := f.Workers.Progress(t.Context(), first.Task.ID, first.Lease, task.Update{Value: &half}); err != nil {
		t.Error(err)
	}
	f.wantError(f.release(first), nil)
	if got := f.want(first.Task.ID, task.Pending); got.Attempt != 1 || got.Progress.Value != half {
		t.Errorf("given back is %+v", got)
	}
	second := f.claim(f.Steady)
	if second.Task.ID != first.Task.ID || second.Task.Attempt != 1 || second.Lease == first.Lease || second.Lease == "" {
		t.Errorf("after %+v came %+v", first, second)
	}
	f.wantError(f.complete(second), nil)
	f.want(first.Task.ID, task.Completed)
}

func releaseEndsTheLease(_ *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.wantError(f.release(c), nil)
	f.wantError(f.release(c), task.ErrLeaseLost)
	f.wantError(f.sign(c), task.ErrLeaseLost)
	f.wantError(f.complete(c), task.ErrLeaseLost)
	f.wantError(f.fail(c), task.ErrLeaseLost)
	f.want(c.Task.ID, task.Pending)
}

func releaseCancelled(_ *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.cancel(c)
	f.wantError(f.release(c), nil)
	f.wantError(f.release(c), nil) // the answer may be lost
	f.want(c.Task.ID, task.Cancelled)
}

func releaseAfterTheEnd(_ *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.wantError(f.complete(c), nil)
	f.wantError(f.release(c), task.ErrLeaseLost)
	f.want(c.Task.ID, task.Completed)
}

// releaseManyTimes gives a task back more often than it may be begun.
func releaseManyTimes(t *testing.T, f fixture) {
	id := f.start(f.Hasty)
	for range 5 {
		c := f.claim(f.Hasty)
		if c.Task.ID != id || c.Task.Attempt != 1 {
			t.Fatalf("claimed is %+v", c)
		}
		f.wantError(f.release(c), nil)
	}
}

func releaseRace(t *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	completed, released := make(chan error, 4), make(chan error, 4)
	for range cap(completed) {
		go func() { completed <- f.complete(c) }()
		go func() { released <- f.release(c) }()
	}
	succeeded := 0
	for range cap(completed) {
		if err := <-completed; err == nil {
			succeeded++
		} else {
			f.wantError(err, task.ErrLeaseLost)
		}
	}
	given := 0
	for range cap(released) {
		if err := <-released; err == nil {
			given++
		} else {
			f.wantError(err, task.ErrLeaseLost)
		}
	}
	got, err := f.Reader.Get(t.Context(), c.Task.ID)
	if !errors.Is(err, nil) || (succeeded > 0) == (given > 0) || given > 1 || (got.Status == task.Completed) != (succeeded > 0) {
		t.Errorf("%d completed it and %d gave it back: it is %s, %v", succeeded, given, got.Status, err)
	}
}
