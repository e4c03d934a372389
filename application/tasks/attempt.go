package tasks

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"heliograph/domain/task"
)

// attempt is one attempt at a task, by a handler in the pool or by a worker
// outside: from its beginning to the end of the task, or to the next attempt.
type attempt struct {
	*entry
	task     task.Task // as it was when it began
	record   task.Task // as it was last seen or stored; the pump's while there is one
	seq      *sequencer
	cancel   context.CancelCauseFunc
	stopping <-chan struct{} // closed when it is to stop
	seen     uint64          // of one that is given up: the only revision of the record to be ended; 0 for any
	silence  *time.Timer     // fires when the lease is lost; nil in the pool
	hands    uint64          // which node's turn it is to see to it
	begun    time.Time       // when this node began it, or took it over
	before   time.Duration   // how long it had run then
	signs    signs           // what came to other nodes
	lost     latch           // another node sees to the task now, or may
	since    atomic.Uint64   // the revision from which on the record should name it; 0 before

	// offers takes from who runs the task how it ended: what is received counts.
	offers chan ending
	over   chan struct{} // closed when nothing is received any more
	// recorded is closed when the end is in the record, or err says why not.
	recorded chan struct{}
	err      error
	// refused is closed when the store did not take the end. It is tried again.
	refused latch
}

// newAttempt returns an attempt that was not begun, and the context of whoever
// will run it, made of ctx.
func (s *Service) newAttempt(ctx context.Context, e *entry) (*attempt, context.Context) {
	runCtx, cancel := context.WithCancelCause(ctx)
	return &attempt{
		entry: e, cancel: cancel, stopping: runCtx.Done(), lost: newLatch(), begun: time.Now(),
		offers: make(chan ending), over: make(chan struct{}), recorded: make(chan struct{}), refused: newLatch(),
	}, runCtx
}

// attempt begins the task of e, and nobody is told of it yet. The returned context
// is that of whoever runs it.
func (s *Service) attempt(ctx context.Context, e *entry) (*attempt, context.Context, error) {
	a, runCtx := s.newAttempt(ctx, e)
	if err := s.begin(ctx, a); err != nil {
		a.cancel(nil)
		s.notBegun(ctx, e, err)
		return nil, nil, err
	}
	return a, runCtx, nil
}

// begin makes the record running. It is registered first, so that Cancel finds
// every task whose record says running.
func (s *Service) begin(ctx context.Context, a *attempt) error {
	s.register(a)
	t, err := s.modify(ctx, byID(a.id), func(t *task.Task) error { return s.start(t, a) })
	if err != nil {
		s.unregister(a)
		return err
	}
	s.equip(a, t)
	return nil
}

// tellBegun broadcasts that an attempt has begun.
func (s *Service) tellBegun(ctx context.Context, a *attempt) {
	s.broadcast(ctx, newEvent(task.EventStarted, a.task, a.task.Started))
}

// equip gives an attempt what it needs to go on from its record.
func (s *Service) equip(a *attempt, t task.Task) {
	a.task, a.record, a.seq, a.before = t, t, newSequencer(t, s.limits), t.Ran
	if a.line.typ.Outside {
		a.silence = time.NewTimer(a.term())
	}
	a.since.Store(t.Revision)
	if t.CancelRequested { // before the record was read
		a.cancel(task.ErrCancelled)
	}
}

func (s *Service) start(t *task.Task, a *attempt) error {
	switch {
	case t.Status == task.Running && a.owns(t):
		return errUnchanged
	case t.Status != task.Pending:
		return errTransition // also when another runs it
	case a.leaseUsed:
		return errUsed
	}
	t.Status, t.Started, t.Lease, t.NotBefore = task.Running, time.Now().UTC(), a.lease, time.Time{}
	t.Node, t.OwnerGeneration, t.Ran, t.Signs, t.Relayed = s.nodes.Self(), 0, 0, 0, nil
	t.Seq++
	return nil
}

// ran is how long the attempt has run, here and on other nodes, each by its own
// clock.
func (a *attempt) ran() time.Duration { return a.before + time.Since(a.begun) }

// owns reports whether nobody took the task away from a.
func (a *attempt) owns(t *task.Task) bool { return t.Lease == a.lease && t.OwnerGeneration == a.hands }

// errUsed says that the lease of an entry may have had an attempt already: one that
// was begun unheard, and that another node has made pending again.
var errUsed = errors.New("the lease may have been used")

// notBegun lets the task wait for a while when the store is to blame.
func (s *Service) notBegun(ctx context.Context, e *entry, err error) {
	if errors.Is(err, errUsed) {
		s.waitAgain(ctx, e.next(), 0)
		return
	}
	if decided(err) { // it was cancelled, and perhaps removed, while it waited
		s.queue.done(e)
		return
	}
	s.trouble.warn(ctx, "task could not be begun yet", slog.String("task_id", string(e.id)), slog.Any("error", err))
	e.leaseUsed = true
	e.misses++
	s.waitAgain(ctx, e, pauseAfter(e.misses-1))
}

// follow sees the attempt to its end. It returns the record, and why the attempt
// was given up, if it was.
func (s *Service) follow(ctx, runCtx context.Context, a *attempt) (task.Task, *surrender) {
	pumped := s.pump(ctx, a)
	e, gaveUp := s.await(ctx, runCtx, a)
	close(a.over)
	last := a.seq.close()
	<-pumped
	var t task.Task
	if gaveUp != nil && gaveUp.leave {
		s.unregister(a)
		a.cancel(gaveUp.cause)
		a.err = task.ErrShuttingDown
	} else {
		t, a.err = s.end(ctx, a, last, e)
	}
	close(a.recorded)
	return t, gaveUp
}

// offer says how the attempt ended, unless nothing is received any more.
func (a *attempt) offer(e ending) {
	select {
	case a.offers <- e:
	case <-a.over:
	}
}

func (s *Service) register(a *attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[a.id] = a
}

func (s *Service) unregister(a *attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[a.id] == a {
		delete(s.running, a.id)
	}
}
