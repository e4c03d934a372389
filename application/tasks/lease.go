package tasks

import (
	"context"
	"fmt"

	"heliograph/domain/task"
)

// leased returns the attempt that a worker outside holds with this lease. If
// another node follows it, this one does from now on: the worker's word comes
// here. Errors: task.ErrNotFound, task.ErrLeaseLost, task.ErrShuttingDown.
func (s *Service) leased(ctx context.Context, id task.ID, lease task.Lease) (*attempt, error) {
	if a := s.followed(id, lease); a != nil {
		return a, nil
	}
	if !s.enter() {
		return nil, s.whileStopping(ctx, id, lease)
	}
	defer s.busy.Done()
	return s.takeOver(s.lasting(ctx), id, lease)
}

// whileStopping is why a lease is not taken over any more.
func (s *Service) whileStopping(ctx context.Context, id task.ID, lease task.Lease) error {
	t, err := s.store.Get(ctx, id)
	switch {
	case err != nil:
		return err
	case t.Status == task.Running && t.Lease == lease && s.runOutside(t.Type):
		return task.ErrShuttingDown // the lease is good, and another node will say so
	default:
		return task.ErrLeaseLost
	}
}

// followed returns the attempt that is followed here, or nil.
func (s *Service) followed(id task.ID, lease task.Lease) *attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.running[id]
	if a == nil || !a.line.typ.Outside || a.lease != lease || a.lost.passed() {
		return nil
	}
	return a
}

// takeOver makes this node the one that follows a worker outside. It has a whole
// term to give a sign: it is not to blame for the time without a node.
func (s *Service) takeOver(ctx context.Context, id task.ID, lease task.Lease) (*attempt, error) {
	s.moving <- struct{}{}
	defer func() { <-s.moving }()
	if a := s.followed(id, lease); a != nil { // another call was faster
		return a, nil
	}
	t, err := s.modify(ctx, byID(id), func(t *task.Task) error {
		if t.Status != task.Running || t.Lease != lease || !s.runOutside(t.Type) {
			return task.ErrLeaseLost
		}
		t.Ran = s.ranBy(t)
		t.Node = s.nodes.Self()
		t.OwnerGeneration++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take over task %s: %w", id, err)
	}
	a, runCtx := s.newAttempt(ctx, s.queue.adopt(s.queue.lines[t.Type], t))
	a.hands = t.OwnerGeneration
	s.equip(a, t)
	s.register(a)
	a.takeUp(&t)
	s.followOutside(ctx, runCtx, a)
	return a, s.refresh(ctx, id)
}

// refresh catches up on what became of a task before it was registered.
func (s *Service) refresh(ctx context.Context, id task.ID) error {
	t, err := s.store.Get(ctx, id)
	if err == nil {
		s.changed(t, false)
	}
	return err
}
