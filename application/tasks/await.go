package tasks

import (
	"context"
	"fmt"
	"time"

	"heliograph/domain/task"
)

// surrender is why whoever runs a task is not waited for any longer.
type surrender struct {
	cause    error         // for its context
	message  string        // for users
	patience time.Duration // how long a worker of the pool still waits, once the task has ended
	retry    bool          // another attempt may follow
	leave    bool          // the task is no longer this node's affair: nothing is recorded
}

// await returns how the attempt ended: as who runs it says, or if nothing was
// said, as it must look to others, and why it was given up.
func (s *Service) await(ctx, runCtx context.Context, a *attempt) (ending, *surrender) {
	e, why := s.outwait(ctx, runCtx, a)
	if why == nil {
		return e, nil
	}
	select {
	case e := <-a.offers: // at the last moment: what is reported is what happened
		return e, nil
	default:
		if why.leave {
			return ending{}, why
		}
		a.cancel(why.cause)
		e := failed(why.message)
		e.at, e.decreed, e.retry = time.Now(), true, why.retry
		return e, why
	}
}

// outwait returns how the attempt ended, or why to give it up.
func (s *Service) outwait(ctx, runCtx context.Context, a *attempt) (ending, *surrender) {
	timeout := s.timeout(a.line.typ)
	limit := time.NewTimer(timeout - a.ran())
	defer limit.Stop()
	silence := a.silent()
	cutOff, abandoned, cancelled := s.shutdown.cutOff.c, s.shutdown.abandon.c, runCtx.Done()
	outlives := s.store.Outlives() && a.line.typ.Outside
	if outlives {
		abandoned = nil
	}
	var grace <-chan time.Time // runs once runCtx was cancelled
	for {
		select {
		case e := <-a.offers:
			return e, nil
		case <-cutOff:
			if outlives {
				return ending{}, &surrender{leave: true}
			}
			cutOff = nil
			a.cancel(task.ErrCancelled)
		case <-cancelled:
			cancelled, grace = nil, time.After(s.cfg.CancelGrace)
		case <-a.lost.c:
			return ending{}, &surrender{cause: task.ErrLeaseLost, patience: s.cfg.CancelGrace, leave: true}
		case <-limit.C:
			return ending{}, &surrender{cause: task.ErrTimeLimit, message: fmt.Sprintf("%s of %s", task.ErrTimeLimit, timeout), patience: s.cfg.CancelGrace}
		case <-silence:
			if s.renewed(ctx, a) {
				continue
			}
			return ending{}, &surrender{cause: task.ErrLeaseLost, message: fmt.Sprintf("worker_lost: it gave no sign for %s", a.term()), retry: true}
		case <-grace:
			return ending{}, abandon(fmt.Sprintf("it did not stop within %s of its cancellation", s.cfg.CancelGrace))
		case <-abandoned:
			return ending{}, abandon("it did not stop when the service shut down")
		}
	}
}

func abandon(why string) *surrender {
	return &surrender{cause: task.ErrCancelled, message: "the task was abandoned: " + why}
}
