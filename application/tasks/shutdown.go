package tasks

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"heliograph/domain/task"
)

// phases are what the workers hear of a shutdown (rule T15), in this order.
type phases struct {
	begun   latch // nothing is taken on any more
	cutOff  latch // the contexts of running tasks are cancelled
	abandon latch // handlers that still run are left behind
}

func newPhases() phases { return phases{begun: newLatch(), cutOff: newLatch(), abandon: newLatch()} }

// latch is a channel that may be closed again and again, by anybody.
type latch struct {
	c     chan struct{}
	close func()
}

// passed reports whether the latch was closed.
func (l latch) passed() bool {
	select {
	case <-l.c:
		return true
	default:
		return false
	}
}

func newLatch() latch {
	c := make(chan struct{})
	return latch{c: c, close: sync.OnceFunc(func() { close(c) })}
}

// StartWorkers starts the workers and the janitor, which run until Stop; the end
// of ctx does not matter to them. A second call does nothing. Errors:
// task.ErrShuttingDown after Stop.
func (s *Service) StartWorkers(ctx context.Context) error {
	if !s.enter() {
		return task.ErrShuttingDown
	}
	defer s.busy.Done()
	if s.started.Swap(true) {
		return nil
	}
	ctx = s.lasting(ctx)
	if s.store.Outlives() {
		s.joinIn(ctx)
	}
	for range s.cfg.MaxWorkers {
		s.busy.Go(func() { s.work(ctx) })
	}
	s.busy.Go(func() { s.clean(ctx) })
	return nil
}

// enter makes Stop wait until busy.Done is called. It reports false when Stop
// was called already.
func (s *Service) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.busy.Add(1)
	}
	return !s.stopping
}

// Stop refuses new tasks, cancels those that wait, and returns when those that
// run have ended and their events were handed over (rule T15). Near ctx's
// deadline it cancels them: Config.ShutdownReserve before; half of that later it
// abandons those which ignore it, soon after that it waits for no store and no
// broker any more, and then for nothing, so that the rest of the shutdown has some
// time. Without a deadline it waits for as long as they take. It may be called again.
// Errors: context.DeadlineExceeded, ctx.Err(), when something did not end.
func (s *Service) Stop(ctx context.Context) error {
	s.refuse(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.busy.Wait()
	}()
	for _, next := range s.schedule(ctx) {
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

// refuse begins the shutdown, once.
func (s *Service) refuse(ctx context.Context) {
	active, first := s.beginStopping()
	if !first {
		return
	}
	waiting := s.queue.close()
	s.shutdown.begun.close()
	s.log.InfoContext(ctx, "tasks are stopping", slog.Int("running", active), slog.Int("waiting", len(waiting)))
	s.metrics.Shutdown(active)
	go func() {
		defer s.busy.Done()
		for _, e := range waiting {
			s.dismiss(ctx, e)
		}
	}()
}

// beginStopping sets stopping and returns how many tasks run. The first caller
// must call busy.Done.
func (s *Service) beginStopping() (active int, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return 0, false
	}
	s.stopping = true
	s.busy.Add(1)
	return len(s.running), true
}

// dismiss cancels a task that waited when the queue was closed, unless it can wait
// for the next start of the service.
func (s *Service) dismiss(ctx context.Context, e *entry) {
	if s.store.Outlives() {
		return
	}
	if _, err := s.Cancel(ctx, e.id); err != nil && !decided(err) {
		s.log.ErrorContext(ctx, "waiting task could not be cancelled", slog.Any("error", err))
	}
}

// lasting takes the place of a caller's context for what others wait for: it goes on
// when the caller is gone, until Stop leaves the store and the broker.
func (s *Service) lasting(context.Context) context.Context { return s.life }

// step is what is done at some time of a shutdown; never, if due is nil.
type step struct {
	due <-chan time.Time
	do  func()
}

// schedule returns what Stop does while it waits.
func (s *Service) schedule(ctx context.Context) []step {
	steps := []step{
		{do: s.shutdown.cutOff.close}, {do: s.shutdown.abandon.close}, {do: func() { s.hangUp(task.ErrShuttingDown) }}, {do: func() {}},
	}
	deadline, limited := ctx.Deadline()
	if !limited {
		return steps
	}
	left := time.Until(deadline)
	before := min(s.cfg.ShutdownReserve, left/2)
	for i := range steps {
		steps[i].due = time.After(left - before)
		before /= 2
	}
	return steps
}
