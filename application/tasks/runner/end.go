package runner

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"heliograph/application/tasks/records"
	"heliograph/domain/task"
)

// giveUp is why what runs a task is not waited for any longer.
type giveUp struct {
	cause          error          // for its context
	ending         records.Ending // of the attempt
	waitForHandler time.Duration  // how long a worker of the pool still waits, once the attempt has ended
	handedOver     bool           // the task is no longer this node's: nothing is recorded
}

func abandoned(why string) *giveUp {
	return &giveUp{cause: task.ErrCancelled, ending: records.GivenUp(records.Abandoned(why))}
}

func lost(f task.Failure) *giveUp {
	return &giveUp{cause: task.ErrLeaseLost, ending: records.Lost(f)}
}

// end waits until the attempt has ended, and returns how: as what runs it says, or if
// nothing was said, as it must look to others, and why it was given up.
func (r *Runner) end(ctx, runCtx context.Context, a *Attempt) (records.Ending, *giveUp) {
	e, why := r.waitForEnd(ctx, runCtx, a)
	if why == nil {
		return e, nil
	}
	select {
	case e := <-a.offers: // at the last moment: what is reported is what happened
		return e, nil
	default:
		if why.handedOver {
			return records.Ending{}, why
		}
		a.cancel(why.cause)
		return why.ending, why
	}
}

// waitForEnd returns how the attempt ended, or why to give it up.
func (r *Runner) waitForEnd(ctx, runCtx context.Context, a *Attempt) (records.Ending, *giveUp) {
	timeout := cmp.Or(a.Type().Policy.Timeout, r.Timeout)
	limit := time.NewTimer(timeout - a.ran())
	defer limit.Stop()
	silence := a.silent()
	cutOff, abandon, cancelled := r.Life.CutOff.C, r.Life.Abandon.C, runCtx.Done()
	outlives := r.Store.Outlives() && a.Type().Outside
	if outlives {
		abandon = nil
	}
	var grace <-chan time.Time // runs once runCtx was cancelled
	for {
		select {
		case e := <-a.offers:
			return e, nil
		case <-cutOff:
			if outlives {
				return records.Ending{}, &giveUp{handedOver: true}
			}
			cutOff = nil
			a.cancel(task.ErrCancelled)
		case <-cancelled:
			cancelled, grace = nil, time.After(r.CancelGrace)
		case <-a.lost.C:
			return records.Ending{}, &giveUp{cause: task.ErrLeaseLost, waitForHandler: r.CancelGrace, handedOver: true}
		case <-limit.C:
			return records.Ending{}, &giveUp{cause: task.ErrTimeLimit, ending: records.TimedOut(records.OverTimeLimit(timeout)), waitForHandler: r.CancelGrace}
		case <-silence:
			if r.renewed(ctx, a) {
				continue
			}
			return records.Ending{}, lost(records.WorkerLost(a.Task.Worker, a.Term()))
		case <-a.revoked.C:
			return records.Ending{}, lost(records.WorkerRevoked())
		case <-grace:
			return records.Ending{}, abandoned(fmt.Sprintf("it did not stop within %s of its cancellation", r.CancelGrace))
		case <-abandon:
			return records.Ending{}, abandoned("it did not stop when the service shut down")
		}
	}
}
