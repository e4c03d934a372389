package scheduler

import (
	"context"

	"heliograph/domain/task"
)

// waiter is a call that waits for a task.
type waiter struct {
	wants func(*task.Type) bool
	got   chan *Entry // takes one without blocking; closed with the queue
}

// Next waits for a task of the types that are wanted and takes it; Done or Again
// must follow. It may return one although ctx has just ended. Errors:
// task.ErrShuttingDown when the queue is closed, ctx.Err().
func (q *Queue) Next(ctx context.Context, wants func(*task.Type) bool) (*Entry, error) {
	w := &waiter{wants: wants, got: make(chan *Entry, 1)}
	if !q.ask(w) {
		return nil, task.ErrShuttingDown
	}
	select {
	case e := <-w.got:
		if e == nil {
			return nil, task.ErrShuttingDown
		}
		return e, nil
	case <-ctx.Done():
		q.mu.Lock()
		defer q.mu.Unlock()
		q.Figures.noteCall(w)
		if e := q.dispatcher.withdraw(w); e != nil {
			return e, nil
		}
		return nil, ctx.Err()
	}
}

// ask gives w what is ready, or lets it wait. It reports false when the queue is
// closed.
func (q *Queue) ask(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.Figures.noteCall(w)
	if e := q.dispatcher.takeBest(w.wants); e != nil {
		w.got <- e
		q.dispatcher.dispatch(e.queue) // there is room for others now
	} else {
		q.dispatcher.waiters = append(q.dispatcher.waiters, w)
	}
	return true
}
