package tasks

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"heliograph/domain/task"
)

// takeUp goes on from a store that has outlived the process (Config.Durable).
func (s *Service) takeUp(ctx context.Context) error {
	if err := s.retell(ctx); err != nil {
		return err
	}
	unfinished, _, err := s.store.List(ctx, task.Query{Unfinished: true})
	if err != nil {
		return fmt.Errorf("take up unfinished tasks: %w", err)
	}
	s.log.InfoContext(ctx, "unfinished tasks are taken up", slog.Int("count", len(unfinished)))
	for _, t := range slices.Backward(unfinished) { // oldest first
		s.takeUpOne(ctx, t)
	}
	return nil
}

// lately is longer than it takes to tell of an end that was recorded.
const lately = time.Minute

// retell sends the last events of tasks that ended just before the service did: a
// crash may have come in between. The broker takes each once (event.Event.Order).
func (s *Service) retell(ctx context.Context) error {
	finished, err := s.finished(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("look for tasks that ended lately: %w", err)
	}
	slices.SortFunc(finished, func(a, b task.Task) int { return a.Ended.Compare(b.Ended) })
	for _, t := range finished {
		if newest := finished[len(finished)-1]; newest.Ended.Sub(t.Ended) < lately {
			s.broadcast(ctx, endEvent(t))
		}
	}
	return nil
}

// takeUpOne lets a task wait again, or its worker outside go on. What this
// process ran before has ended with it, as with a lost lease.
func (s *Service) takeUpOne(ctx context.Context, t task.Task) {
	l := s.queue.lines[t.Type]
	switch {
	case l == nil && t.Status == task.Pending:
		s.log.WarnContext(ctx, "waiting task has a type that is not known any more",
			slog.String("task_id", string(t.ID)), slog.String("type", t.Type))
	case t.Status == task.Pending:
		s.waitAgain(ctx, s.queue.adopt(l, t.ID, newLease()), time.Until(t.NotBefore))
	case l != nil && l.typ.Outside:
		s.resume(ctx, t, l)
	default:
		s.giveUp(ctx, t, l)
	}
}

// resume follows a worker outside that may still be at work. It has a whole term
// to give a sign: it is not to blame for the time without the service.
func (s *Service) resume(ctx context.Context, t task.Task, l *line) {
	a, runCtx := newAttempt(ctx, s.queue.adopt(l, t.ID, t.Lease))
	s.equip(a, t)
	s.register(a)
	s.followOutside(ctx, runCtx, a)
}

// giveUp ends an attempt of which nobody will hear again.
func (s *Service) giveUp(ctx context.Context, t task.Task, l *line) {
	if l == nil {
		l = &line{typ: task.Type{Name: t.Type}}
	}
	a := &attempt{entry: s.queue.adopt(l, t.ID, t.Lease), task: t}
	e := failed("worker_lost: the service stopped while it ran")
	e.at, e.decreed, e.retry = time.Now(), true, true
	ended, _ := s.end(ctx, a, t.Seq, e)
	s.settle(ctx, a.entry, ended)
}
