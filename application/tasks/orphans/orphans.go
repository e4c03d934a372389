// Package orphans takes over tasks that no living node owns, and passes on what other
// nodes do to tasks.
package orphans

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"heliograph/application/tasks/leases"
	"heliograph/application/tasks/lifecycle"
	"heliograph/application/tasks/records"
	"heliograph/application/tasks/runner"
	"heliograph/application/tasks/scheduler"
	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// Deps is what an Overseer needs.
type Deps struct {
	Store   task.Store
	Nodes   cluster.Nodes
	Records *records.Records
	Queue   *scheduler.Queue
	Runner  *runner.Runner
	Leases  *leases.Leases
	Life    *lifecycle.Lifecycle
	Log     *slog.Logger
	// Interval is how often the store is looked through for tasks that run, and
	// WholeEvery times that for those that wait.
	Interval time.Duration
}

// WholeEvery is how often those that wait are looked through as well, in intervals:
// there may be very many, and what becomes of them mostly comes here as news.
const WholeEvery = 6

// Overseer looks through a store that this node shares, with other nodes or with its
// own former runs. It is safe for concurrent use.
type Overseer struct {
	Deps

	looks int  // since the last whole one; owned by Start and its goroutine
	alone bool // at the last look; likewise

	mu      sync.Mutex
	unknown map[string]bool // types of which it was logged that they are not known here; guarded by mu
}

// New returns an overseer, which Start starts.
func New(d Deps) *Overseer { return &Overseer{Deps: d, unknown: make(map[string]bool)} }

// Start looks through the store, and goes on doing so until a shutdown begins. Its
// caller has entered d.Life.
func (o *Overseer) Start(ctx context.Context) {
	stop := o.Store.Watch(func(t task.Task) { o.onRecordChanged(t, true) })
	err := o.lookAndLog(ctx, nil)
	o.Life.Go(func() {
		defer stop()
		ticks := time.NewTicker(o.Interval)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				err = o.lookAndLog(ctx, err)
			case <-o.Life.Refusing.C:
				return
			}
		}
	})
}

// lookAndLog is lookThrough after a time that ended with err; the first of several
// errors is logged.
func (o *Overseer) lookAndLog(ctx context.Context, before error) error {
	err := o.lookThrough(ctx)
	if err != nil && before == nil {
		o.Log.WarnContext(ctx, "tasks cannot be looked through, trying again", slog.Any("error", err))
	}
	return err
}

// lookThrough looks through the tasks of which more is to come for news that did not
// come here, and for tasks that no node owns. Of those that wait it does so now and
// then, and when the other nodes have gone.
func (o *Overseer) lookThrough(ctx context.Context) error {
	alone := o.Nodes.Alone()
	whole := o.looks%WholeEvery == 0 || alone != o.alone
	all, _, err := o.Store.List(ctx, task.Query{Unsettled: true, Begun: !whole})
	if err != nil {
		return err
	}
	here := o.Runner.Running.IDs()
	if o.alone = alone; whole {
		o.looks = 0
		here = o.Queue.IDs()
	}
	o.looks++
	o.lookUpMissing(ctx, here, all)
	o.Records.FinalEvents.Forget(all)
	mute := false                            // the broker takes nothing now
	for _, t := range slices.Backward(all) { // oldest first
		o.onRecordChanged(t, false)
		switch {
		case o.hasOwner(t):
		case t.FinalEventPending:
			mute = mute || !o.Records.FinalEvents.Publish(ctx, t)
		case t.Removed:
			mute = mute || !o.finishRemoval(ctx, t)
		case t.Status == task.Running:
			o.takeOverOrphan(ctx, t)
		case alone && t.Status == task.Pending && o.Queue.Type(t.Type) == nil && time.Until(t.NotBefore) <= 0:
			o.failUnknownType(ctx, t)
		}
	}
	return nil
}

// lookUpMissing looks up those of the tasks here that are not among those of which more
// is to come: news of their end did not come here.
func (o *Overseer) lookUpMissing(ctx context.Context, here map[task.ID]bool, all []task.Task) {
	for _, t := range all {
		delete(here, t.ID)
	}
	for id := range here {
		t, err := o.Store.Get(ctx, id)
		if errors.Is(err, task.ErrNotFound) { // it has ended and was removed
			t, err = task.Task{ID: id, Status: task.Cancelled, Revision: math.MaxUint64}, nil
		}
		if err == nil {
			o.onRecordChanged(t, false)
		}
	}
}

// hasOwner reports whether another node owns t, or this one does already. One
// whose final event this node could not publish has none.
func (o *Overseer) hasOwner(t task.Task) bool {
	if t.Node != o.Nodes.Self() {
		return o.Nodes.Alive(t.Node)
	}
	a := o.Runner.Running.Get(t.ID)
	return a != nil && a.Lease == t.Lease || o.Queue.Holds(t) || o.Records.FinalEvents.Announces(t)
}

// takeOverOrphan takes over a running task whose node is gone: a worker outside goes on,
// and what ran in the node has ended with it; unless its record changes, for then the
// node is there.
func (o *Overseer) takeOverOrphan(ctx context.Context, t task.Task) {
	if o.Leases.RunOutside(t.Type) {
		if _, err := o.Leases.TakeOver(ctx, t.ID, t.Lease); err != nil && !records.Decided(err) {
			o.Log.WarnContext(ctx, "task could not be taken over yet", slog.String("task_id", string(t.ID)), slog.Any("error", err))
		}
		return
	}
	e := o.Queue.Adopt(t)
	ended, _ := o.Records.Ends.End(ctx, records.Conclusion{
		Ending: records.Lost(records.NodeLost(t.RunsOn)), Begun: t, Known: t, Type: e.Type(), Last: t.Seq,
		Owner: records.Ownership{Lease: t.Lease, Generation: t.OwnerGeneration}, Revision: t.Revision, Ran: records.Ran(o.Store, &t),
	})
	o.Runner.Settle(ctx, e, ended)
}

// finishRemoval removes a task of which the node that was to do so is gone, or could not.
func (o *Overseer) finishRemoval(ctx context.Context, t task.Task) (done bool) {
	err := o.Records.Removals.Finish(ctx, t)
	if err != nil {
		o.Log.WarnContext(ctx, "task could not be removed yet", slog.String("task_id", string(t.ID)), slog.Any("error", err))
	}
	return err == nil
}

// failUnknownType ends a task that waits for a worker that will never come: its type
// was there in an earlier run of the service, and there is no other node. It does so
// with an attempt of which nothing comes (rule T2). If that fails now it is tried
// again the next time.
func (o *Overseer) failUnknownType(ctx context.Context, t task.Task) {
	t.Lease = scheduler.NewLease()
	e := o.Queue.Adopt(t)
	defer o.Queue.Done(e)
	begun, err := o.Records.Attempts.Begin(ctx, records.Candidate{ID: t.ID, Attempt: t.Attempt, Lease: t.Lease})
	if err != nil {
		return
	}
	o.Records.Attempts.PublishStarted(ctx, begun)
	_, _ = o.Records.Ends.End(ctx, records.Conclusion{ // it logs what goes wrong
		Ending: records.GivenUp(records.TypeGone(t.Type)), Begun: begun, Known: begun, Type: e.Type(), Last: begun.Seq, Owner: records.Ownership{Lease: begun.Lease},
	})
}

// onRecordChanged takes in a change to any task, by whichever node. It may come late
// and more than once. fresh says that the change happened just now.
func (o *Overseer) onRecordChanged(t task.Task, fresh bool) {
	if t.Status != task.Pending || o.Queue.Type(t.Type) != nil {
		o.Runner.OnRecordChanged(t, fresh)
	} else if !o.Nodes.Alone() {
		o.warnUnknownType(t)
	}
}

// warnUnknownType logs each type that is not known here, once: another node may know
// it.
func (o *Overseer) warnUnknownType(t task.Task) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.unknown[t.Type] {
		return
	}
	o.unknown[t.Type] = true
	o.Log.Warn("waiting task has a type that is not known here", slog.String("task_id", string(t.ID)), slog.String("type", t.Type))
}
