package taskworkerscontract

import (
	"testing"

	"heliograph/domain/task"
)

// startClaimed starts a task whose worker is the caller.
func (f fixture) startClaimed(typ, key string) task.Claim {
	f.t.Helper()
	t, err := f.Tasks.Start(f.t.Context(), task.Request{Type: typ, Key: key, Claim: true})
	if err != nil {
		f.t.Fatalf("start %s: %v", typ, err)
	}
	return task.Claim{Task: t, Lease: t.Lease, Term: t.Term}
}

func startAndWork(t *testing.T, f fixture) {
	c := f.startClaimed(f.Steady, "")
	if c.Task.Status != task.Running || c.Task.Attempt != 1 || c.Lease == "" || c.Term <= 0 {
		t.Errorf("started is %+v", c)
	}
	f.want(c.Task.ID, task.Running)
	other := f.start(f.Steady)
	if next := f.claim(f.Steady); next.Task.ID != other || next.Term != c.Term {
		t.Errorf("another worker got %+v, want %s with the same term as %+v", next, other, c)
	}
	f.wantError(f.sign(c), nil)
	f.wantError(f.complete(c), nil)
	f.want(c.Task.ID, task.Completed)
}

func startAndAskAgain(t *testing.T, f fixture) {
	c := f.startClaimed(f.Steady, "key")
	if again := f.startClaimed(f.Steady, "key"); again.Task.ID != c.Task.ID || again.Lease != c.Lease || again.Term != c.Term {
		t.Errorf("started again is %+v, want %+v", again, c)
	}
	if plain, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Steady, Key: "key"}); err != nil || plain.ID != c.Task.ID || plain.Term != 0 {
		t.Errorf("one that is not to be its worker got %+v, %v", plain, err)
	}
	if got, err := f.Reader.Get(t.Context(), c.Task.ID); err != nil || got.Term != 0 {
		t.Errorf("known is %+v, %v", got, err)
	}
	f.wantError(f.complete(c), nil)
	if ended := f.startClaimed(f.Steady, "key"); ended.Task.Status != task.Completed || ended.Term != 0 {
		t.Errorf("after the end it is %+v", ended)
	}
}

func othersLease(t *testing.T, f fixture) {
	id, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Steady, Key: "key"})
	if err != nil {
		t.Fatal(err)
	}
	f.claim(f.Steady) // by a worker that came for it
	if again := f.startClaimed(f.Steady, "key"); again.Task.ID != id.ID || again.Term != 0 {
		t.Errorf("the starter was given another's lease: %+v", again)
	}
}

func leaseAfterRelease(t *testing.T, f fixture) {
	c := f.startClaimed(f.Steady, "key")
	f.wantError(f.release(c), nil)
	if again := f.startClaimed(f.Steady, "key"); again.Task.ID != c.Task.ID || again.Task.Status != task.Pending || again.Term != 0 {
		t.Errorf("what was given back is %+v", again)
	}
	next := f.claim(f.Steady)
	if again := f.startClaimed(f.Steady, "key"); next.Task.ID != c.Task.ID || again.Term != 0 {
		t.Errorf("%+v has it, and the starter was given %+v", next, again)
	}
}

func claimedAndLost(t *testing.T, f fixture) {
	first := f.startClaimed(f.Hasty, "key")
	second := f.claim(f.Hasty) // waits until the lease is lost
	if second.Task.ID != first.Task.ID || second.Task.Attempt != 2 || second.Lease == first.Lease {
		t.Errorf("after %+v came %+v", first, second)
	}
	f.wantError(f.complete(first), task.ErrLeaseLost)
	if again := f.startClaimed(f.Hasty, "key"); again.Task.ID != first.Task.ID || again.Term != 0 {
		t.Errorf("the starter was given %+v", again)
	}
}

func startInside(t *testing.T, f fixture) {
	_, err := f.Tasks.Start(t.Context(), task.Request{Type: f.Inside, Claim: true})
	f.wantError(err, task.ErrNotClaimable)
	if all, _, err := f.Reader.List(t.Context(), task.Query{}); err != nil || len(all) > 0 {
		t.Errorf("started were %+v, %v", all, err)
	}
}

func startAndCancel(t *testing.T, f fixture) {
	c := f.startClaimed(f.Steady, "")
	f.cancel(c)
	if stop, err := f.Workers.Progress(t.Context(), c.Task.ID, c.Lease, task.Update{}); !stop || err != nil {
		t.Errorf("after the cancellation: %v, %v", stop, err)
	}
	f.wantError(f.fail(c), nil)
	f.want(c.Task.ID, task.Cancelled)
}
