// Package taskworkerscontract says what every task.Workers must do.
package taskworkerscontract

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"heliograph/domain/task"
)

// waitLimit is how long a test waits for what should happen soon. It bounds a
// broken implementation, not a slow one.
const waitLimit = 30 * time.Second

// Subject is what is tested, with no tasks.
type Subject struct {
	Workers task.Workers
	Tasks   task.Service
	Reader  task.Reader
	// Steady is a type for workers outside with long leases; Hasty one with short
	// ones, two attempts and a short back-off. Both take any params.
	Steady, Hasty string
	// Retrying is like Steady, but tries failures again: two attempts, with a short back-off.
	Retrying string
	// Inside is a type that the service runs itself.
	Inside string
}

// Run proves the contract. Each call of fresh returns a Subject of its own.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	t.Helper()
	for name, prove := range map[string]func(*testing.T, fixture){
		"Claim begins the oldest task of the types":                 claimOldest,
		"Claim waits until there is a task":                         claimWaits,
		"Claim whose context ends is ErrNoTask and begins none":     claimEnds,
		"Claim of types that workers outside do not run is refused": claimUnknown,
		"concurrent Claims get different tasks":                     claimRace,
		"Progress reports, and says when to stop":                   progress,
		"when Complete returns the task is completed":               complete,
		"when Fail returns the task is failed":                      fail,
		"Fail of a task that was to stop makes it cancelled":        failCancelled,
		"Complete of a task that was to stop makes it completed":    completeCancelled,
		"the same end may be said again, another is ErrLeaseLost":   again,
		"a caller without the lease gets ErrLeaseLost":              otherLease,
		"an unknown task is ErrNotFound":                            unknown,
		"a lost lease leads to another attempt with another lease":  nextAttempt,
		"T18 Fail leads to another attempt with another lease":      failAgain,
		"T18 Fail that is final ends the task":                      failFinal,
		"T18 the last attempt that fails ends the task":             failLast,
		"late calls with a lost lease are ErrLeaseLost":             late,
		"of concurrent ends of a task one counts":                   endRace,

		"T20 when Release returns the task is pending, of the same attempt, and may be claimed": releaseWaitsAgain,
		"T20 a task may be given back more often than it may be begun":                          releaseManyTimes,
		"T20 after Release the lease is lost":                                                   releaseEndsTheLease,
		"T20 T7 Release of a task that was to stop makes it cancelled":                          releaseCancelled,
		"T20 T11 Release of a task that has ended is ErrLeaseLost":                              releaseAfterTheEnd,
		"T20 of concurrent Release and Complete one counts":                                     releaseRace,
		"T20 the caller of a Start that claims is the worker of a running task":                 startAndWork,
		"T20 T7 a task that its starter claimed can be cancelled":                               startAndCancel,
		"T5 a failure has the worker's code, or one that says that it gave none":                failWithCode,
		"A5 T20 a task that runs names its worker and its node, and one that waits neither":     claimByName,
		"T20 T14 a Start that claims, again with its key, has the lease while it is good":       startAndAskAgain,
		"T20 T14 a Start that claims never has the lease of a worker that came for the task":    othersLease,
		"T20 T14 a task that was given back is not leased to its starter again":                 leaseAfterRelease,
		"T20 when the starter's lease is lost another worker gets the next attempt":             claimedAndLost,
		"T20 Start that claims a type that the service runs is ErrNotClaimable":                 startInside,
	} {
		t.Run(name, func(t *testing.T) { prove(t, fixture{t, fresh(t)}) })
	}
}

// fixture is a Subject with the steps that must not fail.
type fixture struct {
	t *testing.T
	Subject
}

func (f fixture) start(typ string) task.ID {
	f.t.Helper()
	t, err := f.Tasks.Start(f.t.Context(), task.Request{Type: typ})
	if err != nil {
		f.t.Fatalf("start %s: %v", typ, err)
	}
	return t.ID
}

func (f fixture) claim(types ...string) task.Claim {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), waitLimit)
	defer cancel()
	c, err := f.Workers.Claim(ctx, types, "")
	if err != nil {
		f.t.Fatalf("claim: %v", err)
	}
	return c
}

func (f fixture) complete(c task.Claim) error {
	return f.Workers.Complete(f.t.Context(), c.Task.ID, c.Lease, json.RawMessage(`{"n":1}`))
}

func (f fixture) fail(c task.Claim) error {
	return f.Workers.Fail(f.t.Context(), c.Task.ID, c.Lease, task.Failure{Error: "it broke"})
}

func (f fixture) sign(c task.Claim) error {
	_, err := f.Workers.Progress(f.t.Context(), c.Task.ID, c.Lease, task.Update{})
	return err
}

func (f fixture) want(id task.ID, want task.Status) task.Task {
	f.t.Helper()
	t, err := f.Reader.Get(f.t.Context(), id)
	if err != nil || t.Status != want {
		f.t.Errorf("%s is %s (%v), want %s", id, t.Status, err, want)
	}
	return t
}

func (f fixture) wantError(got, want error) {
	f.t.Helper()
	if !errors.Is(got, want) {
		f.t.Errorf("error is %v, want %v", got, want)
	}
}

func claimOldest(t *testing.T, f fixture) {
	first, second := f.start(f.Steady), f.start(f.Hasty)
	one, two := f.claim(f.Hasty, f.Steady, "unknown"), f.claim(f.Hasty, f.Steady)
	if one.Task.ID != first || two.Task.ID != second || one.Lease == two.Lease || one.Lease == "" || one.Term <= 0 || one.Task.Attempt != 1 {
		t.Errorf("the claims are %+v and %+v", one, two)
	}
	f.want(first, task.Running)
}

func claimWaits(t *testing.T, f fixture) {
	claimed := make(chan task.ID, 1)
	go func() { claimed <- f.claim(f.Steady).Task.ID }()
	if want, got := f.start(f.Steady), <-claimed; got != want {
		t.Errorf("claimed %s, want %s", got, want)
	}
}

func claimEnds(t *testing.T, f fixture) {
	id := f.start(f.Hasty)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := f.Workers.Claim(ctx, []string{f.Steady}, "")
		ended <- err
	}()
	cancel()
	f.wantError(<-ended, task.ErrNoTask)
	_, err := f.Workers.Claim(ctx, []string{f.Hasty}, "")
	f.wantError(err, task.ErrNoTask)
	f.want(id, task.Pending)
}

func claimUnknown(t *testing.T, f fixture) {
	for _, types := range [][]string{nil, {"unknown"}, {f.Inside}} {
		_, err := f.Workers.Claim(t.Context(), types, "")
		f.wantError(err, task.ErrUnknownType)
	}
}

func claimRace(t *testing.T, f fixture) {
	const workers = 16
	claimed := make(chan task.ID, workers)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { claimed <- f.claim(f.Steady).Task.ID })
	}
	for range workers {
		f.start(f.Steady)
	}
	all.Wait()
	close(claimed)
	seen := make(map[task.ID]bool)
	for id := range claimed {
		seen[id] = true
	}
	if len(seen) != workers {
		t.Errorf("%d workers claimed %d tasks", workers, len(seen))
	}
}

func progress(t *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.wantError(f.sign(c), nil)
	half := 0.5
	stop, err := f.Workers.Progress(t.Context(), c.Task.ID, c.Lease, task.Update{Value: &half})
	if stop || err != nil {
		t.Errorf("Progress = %v, %v", stop, err)
	}
	f.cancel(c)
	if stop, err := f.Workers.Progress(t.Context(), c.Task.ID, c.Lease, task.Update{}); !stop || err != nil {
		t.Errorf("after the cancellation: %v, %v", stop, err)
	}
	f.wantError(f.complete(c), nil)
	if got := f.want(c.Task.ID, task.Completed); got.Progress.Value != half {
		t.Errorf("the progress is %+v", got.Progress)
	}
}

func (f fixture) cancel(c task.Claim) {
	f.t.Helper()
	if _, err := f.Tasks.Cancel(f.t.Context(), c.Task.ID); err != nil {
		f.t.Errorf("cancel: %v", err)
	}
}

func complete(t *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.wantError(f.complete(c), nil)
	if got := f.want(c.Task.ID, task.Completed); string(got.Result) != `{"n":1}` {
		t.Errorf("the result is %s", got.Result)
	}
	f.wantError(f.sign(c), task.ErrLeaseLost)
}

func fail(t *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.wantError(f.fail(c), nil)
	if got := f.want(c.Task.ID, task.Failed); got.Error != "it broke" {
		t.Errorf("the error is %q", got.Error)
	}
}

func failCancelled(_ *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.cancel(c)
	f.wantError(f.fail(c), nil)
	f.want(c.Task.ID, task.Cancelled)
}

func completeCancelled(_ *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.cancel(c)
	f.wantError(f.complete(c), nil)
	f.want(c.Task.ID, task.Completed)
}

func again(_ *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	f.wantError(f.complete(c), nil)
	f.wantError(f.complete(c), nil)
	f.wantError(f.fail(c), task.ErrLeaseLost)
	f.want(c.Task.ID, task.Completed)
}

func otherLease(_ *testing.T, f fixture) {
	f.start(f.Steady)
	f.start(f.Steady)
	c, other := f.claim(f.Steady), f.claim(f.Steady)
	for _, lease := range []task.Lease{"", "guessed", other.Lease} {
		thief := task.Claim{Task: c.Task, Lease: lease}
		f.wantError(f.sign(thief), task.ErrLeaseLost)
		f.wantError(f.complete(thief), task.ErrLeaseLost)
		f.wantError(f.fail(thief), task.ErrLeaseLost)
		f.wantError(f.release(thief), task.ErrLeaseLost)
	}
	f.want(c.Task.ID, task.Running)
}

func unknown(_ *testing.T, f fixture) {
	unknown := task.Claim{Task: task.Task{ID: "00000000-0000-4000-8000-000000000000"}, Lease: "lease"}
	f.wantError(f.sign(unknown), task.ErrNotFound)
	f.wantError(f.complete(unknown), task.ErrNotFound)
	f.wantError(f.fail(unknown), task.ErrNotFound)
	f.wantError(f.release(unknown), task.ErrNotFound)
}

func nextAttempt(t *testing.T, f fixture) {
	f.start(f.Hasty)
	first := f.claim(f.Hasty)
	second := f.claim(f.Hasty) // waits until the lease is lost
	if second.Task.ID != first.Task.ID || second.Task.Attempt != 2 || second.Lease == first.Lease {
		t.Errorf("after %+v came %+v", first, second)
	}
}

func late(t *testing.T, f fixture) {
	f.start(f.Hasty)
	first := f.claim(f.Hasty)
	second := f.claim(f.Hasty)
	f.wantError(f.sign(first), task.ErrLeaseLost)
	f.wantError(f.complete(first), task.ErrLeaseLost)
	f.wantError(f.fail(first), task.ErrLeaseLost)
	f.wantError(f.release(first), task.ErrLeaseLost)
	if got, err := f.Reader.Get(t.Context(), second.Task.ID); err != nil || got.Attempt != 2 || got.Status == task.Completed {
		t.Errorf("late calls made it %+v, %v", got, err)
	}
}

func endRace(t *testing.T, f fixture) {
	f.start(f.Steady)
	c := f.claim(f.Steady)
	completed, failed := make(chan error, 8), make(chan error, 8)
	for range cap(completed) {
		go func() { completed <- f.complete(c) }()
		go func() { failed <- f.fail(c) }()
	}
	done := errors.Is(<-completed, nil)
	for range cap(completed) - 1 {
		if err := <-completed; (err == nil) != done {
			t.Errorf("Complete: %v", err)
		}
	}
	for range cap(failed) {
		if err := <-failed; (err == nil) == done {
			t.Errorf("Fail: %v", err)
		}
	}
	if got, err := f.Reader.Get(t.Context(), c.Task.ID); err != nil || (got.Status == task.Completed) != done {
		t.Errorf("the task is %s, %v", got.Status, err)
	}
}
