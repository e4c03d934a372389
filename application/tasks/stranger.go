package tasks

import (
	"context"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// stranger reports whether t waits for somebody who will never come: its type was
// there in an earlier life of the service, and there is no other node.
func (s *Service) stranger(t task.Task) bool {
	return s.nodes.Alone() && t.Status == task.Pending && s.queue.lines[t.Type] == nil
}

// dismissStranger ends t, with an attempt of which nothing comes (rule T2). If that
// fails now it is tried again when oversee finds t the next time.
func (s *Service) dismissStranger(ctx context.Context, t task.Task) {
	unknown := &line{typ: task.Type{Name: t.Type}}
	t.Lease = newLease()
	a, _ := s.newAttempt(ctx, s.queue.adopt(unknown, t))
	defer a.cancel(nil)
	defer s.queue.done(a.entry)
	if err := s.begin(ctx, a); err != nil {
		return
	}
	s.tellBegun(ctx, a)
	e := failed(fmt.Sprintf("%s: the service has none of the name %q any more", task.ErrUnknownType, t.Type))
	e.at, e.decreed = time.Now(), true
	_, _ = s.end(ctx, a, a.task.Seq, e) // it logs what goes wrong
}
