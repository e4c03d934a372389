package tasks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"heliograph/domain/task"
)

// defaultLease is how long a worker outside may give no sign, when its type does
// not say: some ten times what a healthy one needs to send one.
const defaultLease = 30 * time.Second

// term is how long a worker outside may give no sign.
func (a *attempt) term() time.Duration { return cmp.Or(a.line.typ.Policy.Lease, defaultLease) }

// silent fires when the lease is lost; never for an attempt in the pool.
func (a *attempt) silent() <-chan time.Time {
	if a.silence == nil {
		return nil
	}
	return a.silence.C
}

// runOutside reports whether workers outside run tasks of the type.
func (s *Service) runOutside(typ string) bool {
	l := s.queue.lines[typ]
	return l != nil && l.typ.Outside
}

// Claim implements task.Workers.
func (s *Service) Claim(ctx context.Context, types []string) (task.Claim, error) {
	if !slices.ContainsFunc(types, s.runOutside) {
		return task.Claim{}, fmt.Errorf("%w: workers outside run none of %.200q", task.ErrUnknownType, types)
	}
	if !s.enter() {
		return task.Claim{}, task.ErrShuttingDown
	}
	defer s.busy.Done()
	wants := func(l *line) bool { return l.typ.Outside && slices.Contains(types, l.typ.Name) }
	for {
		e, err := s.queue.next(ctx, wants)
		if ctx.Err() != nil {
			if e != nil { // at the last moment: nobody would run it
				s.waitAgain(ctx, e, 0)
			}
			return task.Claim{}, task.ErrNoTask
		}
		if err != nil {
			return task.Claim{}, err
		}
		if a := s.lend(s.lasting(ctx), e, ctx); a != nil {
			return task.Claim{Task: a.task, Lease: a.lease, Term: a.term()}, nil
		}
	}
}

// lend begins a task for a worker outside and follows it. It returns nil if it
// could not be begun, or the worker is gone (caller has ended): then it waits
// again.
func (s *Service) lend(ctx context.Context, e *entry, caller context.Context) *attempt { //nolint:revive // context-as-argument: two of them
	a, runCtx, err := s.attempt(ctx, e)
	if err != nil {
		return nil
	}
	if caller.Err() != nil {
		s.busy.Go(func() { s.takeBack(ctx, runCtx, a) })
		return nil
	}
	s.tellBegun(ctx, a)
	a.signed() // telling of it may have taken a while
	s.followOutside(ctx, runCtx, a)
	return a
}

// takeBack lets a task wait again that was begun for a worker which is gone: nobody
// knows the lease, and nobody was told of the attempt, so it counts for none. A task
// whose cancellation was asked for meanwhile is cancelled.
func (s *Service) takeBack(ctx, runCtx context.Context, a *attempt) {
	var stands, cancelled bool // as the record was seen last
	_, err := s.insist(ctx, a.record, func(t *task.Task) error {
		stands, cancelled = t.Status == task.Running && a.owns(t), t.CancelRequested
		return a.undo(t)
	}, func() {})
	if err != nil && stands {
		s.tellBegun(ctx, a)
		s.followOutside(ctx, runCtx, a)
		if cancelled {
			a.offer(ending{status: task.Cancelled, at: time.Now(), decreed: true})
		}
		return
	}
	s.unregister(a)
	a.cancel(nil)
	a.silence.Stop()
	if err != nil { // it was undone before, and by now the task is not ours
		s.queue.done(a.entry)
	} else {
		s.waitAgain(ctx, a.next(), 0)
	}
}

// undo makes the record of an attempt of which nobody knows pending again. Its
// number grows, since a snapshot may have shown the task running.
func (a *attempt) undo(t *task.Task) error {
	switch {
	case t.Status == task.Pending && t.Attempt == a.task.Attempt && t.Seq == a.task.Seq+1:
		return errUnchanged // the store did it before, but its answer was lost
	case t.Status != task.Running, !a.owns(t), t.CancelRequested:
		return errTransition
	}
	t.Status, t.Lease, t.Node = task.Pending, "", ""
	if t.Attempt == 1 {
		t.Started = time.Time{} // it never began
	}
	t.Seq++
	return nil
}

// followOutside follows the attempt of a worker outside in a goroutine, which Stop
// waits for.
func (s *Service) followOutside(ctx, runCtx context.Context, a *attempt) {
	s.busy.Go(func() {
		defer a.cancel(nil)
		defer a.silence.Stop()
		t, _ := s.follow(ctx, runCtx, a)
		s.settle(ctx, a.entry, t)
	})
}

// settle gives up the seat of an attempt that has ended, or lets its task wait for
// the next one.
func (s *Service) settle(ctx context.Context, e *entry, t task.Task) {
	if t.Status == task.Pending {
		s.waitAgain(ctx, e.next(), retryPause(e.line.typ.Policy, t, true))
	} else {
		s.queue.done(e)
	}
}

// waitAgain lets a taken task wait once more, or cancels it when shutdown has
// begun: nobody would run it.
func (s *Service) waitAgain(ctx context.Context, e *entry, pause time.Duration) {
	if !s.queue.again(e, pause) {
		s.dismiss(s.lasting(ctx), e)
	}
}

// Progress implements task.Workers.
func (s *Service) Progress(ctx context.Context, id task.ID, lease task.Lease, u task.Update) (cancelRequested bool, err error) {
	if s.followed(id, lease) == nil && s.store.Outlives() {
		if cancelRequested, relayed, err := s.relay(ctx, id, lease, u); relayed || err != nil {
			return cancelRequested, err
		}
	}
	a, err := s.leased(ctx, id, lease)
	if err != nil {
		return false, err
	}
	a.signed()
	if !a.seq.report(u) {
		return false, task.ErrLeaseLost
	}
	select {
	case <-a.stopping:
		if a.lost.passed() {
			return false, task.ErrLeaseLost
		}
		return true, nil
	default:
		return false, nil
	}
}

// Complete implements task.Workers.
func (s *Service) Complete(ctx context.Context, id task.ID, lease task.Lease, result json.RawMessage) error {
	return s.handIn(ctx, id, lease, func(*attempt) ending { return completed(result) }, task.Completed)
}

// Fail implements task.Workers.
func (s *Service) Fail(ctx context.Context, id task.ID, lease task.Lease, message string) error {
	return s.handIn(ctx, id, lease, func(a *attempt) ending {
		select {
		case <-a.stopping:
			return ending{status: task.Cancelled}
		default:
			return failed(message)
		}
	}, task.Failed, task.Cancelled)
}

// handIn hands in how a leased task ended, and returns when that is recorded.
// same are the states in which a task that the same lease has ended already says
// nothing else.
func (s *Service) handIn(ctx context.Context, id task.ID, lease task.Lease, how func(*attempt) ending, same ...task.Status) error {
	a, err := s.leased(ctx, id, lease)
	if errors.Is(err, task.ErrLeaseLost) {
		return s.handedIn(ctx, id, lease, same)
	}
	if err != nil {
		return err
	}
	e := how(a)
	e.at = time.Now()
	accepted := false
	select {
	case a.offers <- e:
		accepted = true
	case <-a.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-a.recorded:
	case <-a.refused.c: // it will be recorded; the worker asks again
		return fmt.Errorf("record the end of task %s: %w", id, task.ErrUnavailable)
	case <-ctx.Done():
		return ctx.Err()
	}
	if accepted {
		return a.err
	}
	return s.handedIn(ctx, id, lease, same)
}

// handedIn returns nil if the lease has ended its task so before: the answer was
// lost, and the worker asks again.
func (s *Service) handedIn(ctx context.Context, id task.ID, lease task.Lease, same []task.Status) error {
	t, err := s.store.Get(ctx, id)
	switch {
	case err != nil:
		return err
	case t.Lease == lease && slices.Contains(same, t.Status):
		return nil
	case t.Lease == lease && t.Status == task.Running && s.runOutside(t.Type):
		return task.ErrShuttingDown // the lease is good, but another node follows it now
	default:
		return task.ErrLeaseLost
	}
}
