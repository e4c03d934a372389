package tasks

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"time"

	"heliograph/domain/task"
)

// headStart is what the node that took a task on has before the others try to
// begin it: longer than its own way to the store, so that they rarely collide.
const headStart = 25 * time.Millisecond

// joinIn begins the work on a store that this node shares, with other nodes or
// with its own former lives (Config.Durable).
func (s *Service) joinIn(ctx context.Context) {
	stop := s.store.Watch(func(t task.Task) { s.changed(t, true) })
	err := s.overseeAfter(ctx, nil)
	s.busy.Go(func() {
		defer stop()
		ticks := time.NewTicker(s.cfg.Oversee)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				err = s.overseeAfter(ctx, err)
			case <-s.shutdown.begun.c:
				return
			}
		}
	})
}

// overseeAfter is oversee after a time that ended with err; the first of several
// errors is logged.
func (s *Service) overseeAfter(ctx context.Context, before error) error {
	err := s.oversee(ctx)
	if err != nil && before == nil {
		s.log.WarnContext(ctx, "tasks cannot be looked through, trying again", slog.Any("error", err))
	}
	return err
}

// oversee looks through all tasks of which more is to come for news that did not
// come here, and for what nobody sees to.
func (s *Service) oversee(ctx context.Context) error {
	all, _, err := s.store.List(ctx, task.Query{Unsettled: true})
	if err != nil {
		return err
	}
	s.missing(ctx, all)
	mute := false                            // the broker takes nothing now
	for _, t := range slices.Backward(all) { // oldest first
		s.changed(t, false)
		switch {
		case s.seenTo(t):
		case t.FinalEventPending:
			mute = mute || !s.tell(ctx, t)
		case t.Status == task.Running:
			s.rescue(ctx, t)
		case s.stranger(t):
			s.dismissStranger(ctx, t)
		}
	}
	return nil
}

// missing looks up the tasks that wait or run here and are not among those of which
// more is to come: news of their end did not come here.
func (s *Service) missing(ctx context.Context, all []task.Task) {
	here := s.queue.ids()
	for _, t := range all {
		delete(here, t.ID)
	}
	for id := range here {
		err := s.refresh(ctx, id)
		if errors.Is(err, task.ErrNotFound) { // it has ended and was removed
			s.changed(task.Task{ID: id, Status: task.Cancelled, Revision: math.MaxUint64}, false)
		}
	}
}

// seenTo reports whether another node sees to t, or this one does already. What is
// untold here is not: sending it failed.
func (s *Service) seenTo(t task.Task) bool {
	if t.Node != s.nodes.Self() {
		return s.nodes.Alive(t.Node)
	}
	s.mu.Lock()
	a := s.running[t.ID]
	s.mu.Unlock()
	return a != nil && a.lease == t.Lease || s.queue.holds(t)
}

// rescue sees to a running task whose node is gone: a worker outside goes on, and
// what ran in the node has ended with it; unless its record changes, for then the
// node is there.
func (s *Service) rescue(ctx context.Context, t task.Task) {
	if s.runOutside(t.Type) {
		if _, err := s.takeOver(ctx, t.ID, t.Lease); err != nil && !decided(err) {
			s.log.WarnContext(ctx, "task could not be taken over yet", slog.String("task_id", string(t.ID)), slog.Any("error", err))
		}
		return
	}
	l := s.queue.lines[t.Type]
	if l == nil {
		l = &line{typ: task.Type{Name: t.Type}}
	}
	a := &attempt{entry: s.queue.adopt(l, t), task: t, record: t, hands: t.OwnerGeneration, seen: t.Revision, before: s.ranBy(&t), begun: time.Now(), refused: newLatch()}
	e := failed("node_lost: the node that ran the task is gone")
	e.at, e.decreed, e.retry = time.Now(), true, true
	ended, _ := s.end(ctx, a, t.Seq, e)
	s.settle(ctx, a.entry, ended)
}

// changed is told of every change to any task, by whichever node. It may come late
// and more than once. fresh says that the change happened just now.
func (s *Service) changed(t task.Task, fresh bool) {
	if t.Status == task.Pending {
		s.waits(t, fresh)
	} else {
		s.queue.remove(t)
	}
	s.mu.Lock()
	a := s.running[t.ID]
	s.mu.Unlock()
	if a != nil {
		a.heed(t)
	}
}

// heed does what a change of its record means for an attempt. What is older than
// its beginning means nothing.
func (a *attempt) heed(t task.Task) {
	begun := a.since.Load()
	switch {
	case a.owns(&t):
		if begun != 0 && t.Status == task.Running && t.Signs > 0 {
			a.takeUp(&t)
		}
		if t.CancelRequested {
			a.cancel(task.ErrCancelled)
		}
	case begun != 0 && t.Revision > begun:
		a.lost.close()
	}
}

// waits lets a pending task wait here, too.
func (s *Service) waits(t task.Task, fresh bool) {
	l := s.queue.lines[t.Type]
	if l == nil {
		if !s.nodes.Alone() {
			s.strange(t)
		}
		return
	}
	pause := retryPause(l.typ.Policy, t, fresh)
	if fresh {
		pause = max(pause, headStart)
	}
	s.queue.offer(l, t.ID, len(t.Params), pause)
}

// retryPause is how long a pending task has to wait for its next attempt: the whole
// back-off if it begins just now (fresh), or else as much of it as is left by this
// node's wall clock, which may be wrong, but never more.
func retryPause(policy task.Policy, t task.Task, fresh bool) time.Duration {
	switch delay := policy.RetryDelay(t.Attempt); {
	case t.NotBefore.IsZero():
		return 0
	case fresh:
		return delay
	default:
		return min(delay, time.Until(t.NotBefore))
	}
}

// strange logs each type that is not known here, once: another node may know it.
func (s *Service) strange(t task.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unknown[t.Type] {
		return
	}
	s.unknown[t.Type] = true
	s.log.Warn("waiting task has a type that is not known here", slog.String("task_id", string(t.ID)), slog.String("type", t.Type))
}
