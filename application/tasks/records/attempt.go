package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heliograph/domain/cluster"
	"heliograph/domain/task"
)

// Attempts begins attempts at tasks, records what happens in them and publishes that; they
// end in Ends. It is safe for concurrent use.
type Attempts struct {
	store  task.Store
	nodes  cluster.Nodes
	limits Limits
	writer *writer
	outbox *outbox
}

// Ownership names an attempt at a task and the node that owns it: only a change that names
// the same as the record is allowed.
type Ownership struct {
	Lease      task.Lease
	Generation uint64
}

// Of reports whether no other attempt and no other node has t.
func (o Ownership) Of(t *task.Task) bool {
	return t.Lease == o.Lease && t.OwnerGeneration == o.Generation
}

// Candidate is an attempt that may begin.
type Candidate struct {
	ID      task.ID
	Attempt int // its number, as the record had it when the attempt was taken on
	Lease   task.Lease
	Worker  string // name of the worker outside that it is for
	Used    bool   // the lease may have been tried before
}

// ErrOtherAttempt says that the task is pending for another attempt, whose back-off may not
// be over (rule T18): while this one waited here, another node has had it.
var ErrOtherAttempt = fmt.Errorf("%w: it waits for another attempt", errTransition)

// ErrLeaseUsed says that a lease may have had an attempt already: one whose beginning
// was recorded but not answered, and that another node has made pending again.
var ErrLeaseUsed = errors.New("the lease may have been used")

// Begin makes a pending task running. Errors: ErrLeaseUsed, errors for which Decided is true,
// of which ErrOtherAttempt is one, and those of task.Store.
func (a *Attempts) Begin(ctx context.Context, c Candidate) (task.Task, error) {
	known, ok := a.store.Known(c.ID)
	if !ok || c.Used || known.Status != task.Pending { // only what is stored can say that it cannot begin
		known = byID(c.ID)
	}
	return a.writer.update(ctx, known, func(t *task.Task) error {
		switch {
		case t.Status == task.Running && Ownership{Lease: c.Lease}.Of(t):
			if t.Worker == c.Worker {
				return errUnchanged
			}
			t.Worker = c.Worker // another has asked meanwhile
			return nil
		case t.Status != task.Pending:
			return errTransition // also when another runs it
		case t.Attempt != c.Attempt:
			return ErrOtherAttempt
		case c.Used:
			return ErrLeaseUsed
		}
		a.begin(t, c.Lease, c.Worker)
		return nil
	})
}

// begin makes t running, in an attempt of this node's with that lease.
func (a *Attempts) begin(t *task.Task, lease task.Lease, worker string) {
	t.Status, t.Started, t.Lease, t.NotBefore = task.Running, time.Now().UTC(), lease, time.Time{}
	t.Node, t.OwnerGeneration, t.Ran, t.Reports, t.Relayed = a.nodes.Self(), 0, 0, 0, nil
	t.LeasedToStarter, t.RunsOn, t.Worker, t.Error, t.ErrorCode = false, a.nodes.Self().Node(), worker, "", ""
	t.Seq++
}

// BegunByStarter returns t, which is not recorded yet, as one that is running and leased
// to the call which starts it (rule T20).
func (a *Attempts) BegunByStarter(t task.Task, lease task.Lease, worker string) task.Task {
	a.begin(&t, lease, worker)
	t.LeasedToStarter = true
	return t
}

// Undone is what has become of a beginning that was to be undone.
type Undone struct {
	Stands    bool // the attempt goes on
	Cancelled bool // its cancellation was asked for
	Elsewhere bool // the task is not this node's any more
}

// UndoBegin makes the task of an attempt of which no client and no worker knows
// pending again, and tries until that is decided.
func (a *Attempts) UndoBegin(ctx context.Context, begun task.Task) Undone {
	owner := Ownership{begun.Lease, begun.OwnerGeneration}
	var stands, cancelled bool // as the record was seen last
	_, err := a.writer.updateWithRetry(ctx, begun, func(t *task.Task) error {
		stands, cancelled = t.Status == task.Running && owner.Of(t), t.CancelRequested
		return undoBegin(t, begun, owner)
	}, func() {})
	return Undone{Stands: err != nil && stands, Cancelled: cancelled, Elsewhere: err != nil && !stands}
}

// undoBegin lets the number grow, since a snapshot may have shown the task running.
func undoBegin(t *task.Task, begun task.Task, owner Ownership) error {
	switch {
	case t.Status == task.Pending && t.Attempt == begun.Attempt && t.Seq == begun.Seq+1:
		return errUnchanged // the store did it before, but its answer was lost
	case t.Status != task.Running, !owner.Of(t), t.CancelRequested:
		return errTransition
	}
	sameAgain(t)
	t.Seq++
	return nil
}

// sameAgain makes t pending for the attempt that it is in.
func sameAgain(t *task.Task) {
	t.Status, t.Lease, t.Node, t.RunsOn, t.Worker = task.Pending, "", "", "", ""
	if t.Attempt == 1 {
		t.Started = time.Time{} // as if it never began
	}
}

// TakeOver makes this node the owner of the attempt with that lease. allowed says
// whether it may be, for the task's type. Errors: those of task.Store,
// task.ErrLeaseLost.
func (a *Attempts) TakeOver(ctx context.Context, id task.ID, lease task.Lease, allowed func(typ string) bool) (task.Task, error) {
	return a.writer.update(ctx, byID(id), func(t *task.Task) error {
		if t.Status != task.Running || t.Lease != lease || !allowed(t.Type) {
			return task.ErrLeaseLost
		}
		t.Ran = Ran(a.store, t)
		t.Node, t.RunsOn = a.nodes.Self(), a.nodes.Self().Node()
		t.OwnerGeneration++
		return nil
	})
}

// Relay records a worker's report for the node that owns its attempt and is alive. It
// reports false if there is none: then this node is to take over. Errors: those of
// task.Store, task.ErrLeaseLost.
func (a *Attempts) Relay(ctx context.Context, id task.ID, lease task.Lease, u task.Update, allowed func(typ string) bool) (cancelRequested, relayed bool, err error) {
	t, err := a.writer.update(ctx, byID(id), func(t *task.Task) error {
		switch {
		case t.Status != task.Running || t.Lease != lease || !allowed(t.Type):
			return task.ErrLeaseLost
		case t.Node == a.nodes.Self() || !a.nodes.Alive(t.Node):
			return errUnchanged
		}
		t.Ran = Ran(a.store, t)
		*t = t.WithReport(a.limits.CutUpdate(u.Usable()))
		relayed = true
		return nil
	})
	return t.CancelRequested, relayed, err
}

// Ran returns how long the attempt of a task in that store has run by now: what one node
// has measured, and the age of that by the store's clock.
func Ran(store task.Store, t *task.Task) time.Duration { return t.Ran + store.Age(*t) }

// Note is one event of an attempt: progress, or that it was asked to stop.
type Note struct {
	Type task.EventType
	Seq  uint64
	At   time.Time
}

// News is what has happened in an attempt since it was recorded last.
type News struct {
	Notes    []Note // in the order of their numbers; at least one
	Progress task.Progress
	Ran      time.Duration
}

// SaveNews stores what newest returns for the record, and then publishes it: what
// was published is in every snapshot (rule T13), and a node that ends the task in
// another's place knows how far its events have come. known is the record as it was
// last seen. Errors: those of task.Store, task.ErrLeaseLost.
func (a *Attempts) SaveNews(ctx context.Context, known task.Task, owner Ownership, newest func(*task.Task) News) (task.Task, error) {
	var n News
	t, err := a.writer.update(ctx, known, func(t *task.Task) error {
		if !owner.Of(t) {
			return task.ErrLeaseLost
		}
		n = newest(t)
		t.Ran, t.Progress, t.Relayed = n.Ran, n.Progress, nil
		for _, note := range n.Notes {
			t.Seq = note.Seq
			if note.Type == task.EventCancelRequested {
				t.CancelSeq = note.Seq
			}
		}
		return nil
	})
	if err != nil {
		return task.Task{}, err
	}
	for _, note := range n.Notes {
		a.outbox.publish(ctx, noted(t, note))
	}
	return t, nil
}

// noted is an event of t, which has its progress.
func noted(t task.Task, n Note) task.Event {
	e := newEvent(n.Type, t, n.At)
	e.Seq = n.Seq
	if n.Type == task.EventProgress {
		e.Data = t.Progress
	}
	return e
}

// PublishStarted publishes that the attempt of t has begun.
func (a *Attempts) PublishStarted(ctx context.Context, t task.Task) {
	a.outbox.publish(ctx, started(t))
}

// PublishStartedNow is PublishStarted for an attempt that outlives this process: it
// returns once the event was sent.
func (a *Attempts) PublishStartedNow(ctx context.Context, t task.Task) {
	a.outbox.publishNow(ctx, started(t))
}

func started(t task.Task) task.Event {
	e := newEvent(task.EventStarted, t, t.Started)
	if len(t.Labels) > 0 {
		e.Data = task.Beginning{Labels: t.Labels}
	}
	return e
}
