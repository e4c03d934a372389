// Package lifecycle is the end of the task service: the phases of a shutdown (rule
// T15), and what it waits for.
package lifecycle

import (
	"context"
	"fmt"
	"sync"
	"time"

	"heliograph/domain/task"
)

// Lifecycle is one life of the service. It is safe for concurrent use.
type Lifecycle struct {
	// Refusing passes when nothing is taken on any more, CutOff when the contexts of
	// running tasks are cancelled, and Abandon when handlers that still run are left
	// behind, in this order.
	Refusing, CutOff, Abandon Latch

	ctx    context.Context         //nolint:containedctx // ends when Wait leaves the store and the broker
	hangUp context.CancelCauseFunc // ends ctx

	mu       sync.Mutex
	busy     int             // what Wait waits for; guarded by mu
	idle     []chan struct{} // are closed when busy is 0; guarded by mu
	stopping bool            // guarded by mu; Enter adds nothing to busy once it is set
}

// New returns a life that goes on until Wait.
func New() *Lifecycle {
	l := &Lifecycle{Refusing: NewLatch(), CutOff: NewLatch(), Abandon: NewLatch()}
	l.ctx, l.hangUp = context.WithCancelCause(context.Background())
	return l
}

// Context takes the place of a caller's context for what others wait for: it goes on
// when the caller is gone, until a shutdown leaves the store and the broker.
func (l *Lifecycle) Context() context.Context { return l.ctx }

// Enter makes Wait wait until Leave is called. It reports false when the shutdown
// has begun.
func (l *Lifecycle) Enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopping {
		l.busy++
	}
	return !l.stopping
}

// Leave ends what Enter, or Refuse, began.
func (l *Lifecycle) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy--; l.busy > 0 {
		return
	}
	for _, idle := range l.idle {
		close(idle)
	}
	l.idle = nil
}

// Go calls f in a goroutine, for which Wait waits if it has not returned yet. That is
// certain if the caller has entered, or is such a function.
func (l *Lifecycle) Go(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy++
	go func() {
		defer l.Leave()
		f()
	}()
}

// left returns what is closed once nothing is there to be waited for.
func (l *Lifecycle) left() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	idle := make(chan struct{})
	if l.busy == 0 {
		close(idle)
	} else {
		l.idle = append(l.idle, idle)
	}
	return idle
}

// Refuse begins the shutdown. The first caller gets true, and must call Leave.
func (l *Lifecycle) Refuse() (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping {
		return false
	}
	l.stopping = true
	l.busy++
	return true
}

// Wait returns when all that entered has left. Near ctx's deadline, reserve before
// it, CutOff passes; half of that later Abandon does, soon after that Context ends,
// and then it waits for nothing any more, so that the rest of the shutdown has some
// time. Without a deadline it waits for as long as it takes. It may be called again.
// Errors: context.DeadlineExceeded, ctx.Err(), when something did not leave.
func (l *Lifecycle) Wait(ctx context.Context, reserve time.Duration) error {
	stopped := l.left()
	for _, next := range l.schedule(ctx, reserve) {
		select {
		case <-stopped:
			return nil
		case <-next.due:
		case <-ctx.Done(): // all at once
		}
		next.do()
	}
	err := ctx.Err()
	if err == nil {
		err = context.DeadlineExceeded
	}
	return fmt.Errorf("stop tasks: %w", err)
}

// step is what is done at some time of a shutdown; never, if due is nil.
type step struct {
	due <-chan time.Time
	do  func()
}

// schedule returns what Wait does while it waits.
func (l *Lifecycle) schedule(ctx context.Context, reserve time.Duration) []step {
	steps := []step{
		{do: l.CutOff.Pass}, {do: l.Abandon.Pass}, {do: func() { l.hangUp(task.ErrShuttingDown) }}, {do: func() {}},
	}
	deadline, limited := ctx.Deadline()
	if !limited {
		return steps
	}
	left := time.Until(deadline)
	before := min(reserve, left/2)
	for i := range steps {
		steps[i].due = time.After(left - before)
		before /= 2
	}
	return steps
}
