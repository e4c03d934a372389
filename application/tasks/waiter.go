package tasks

import (
	"context"
	"slices"

	"heliograph/domain/task"
)

// waiter is somebody who waits for a task.
type waiter struct {
	wants func(*line) bool
	got   chan *entry // takes one without blocking; closed with the queue
}

// next waits for a task of the lines that are wanted and takes it; done or again
// must follow. It may return one although ctx has just ended. Errors:
// task.ErrShuttingDown when the queue is closed, ctx.Err().
func (q *queue) next(ctx context.Context, wants func(*line) bool) (*entry, error) {
	w := &waiter{wants: wants, got: make(chan *entry, 1)}
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
		if e := q.forget(w); e != nil {
			return e, nil
		}
		return nil, ctx.Err()
	}
}

// ask gives w what is ready, or lets it wait. It reports false when the queue is
// closed.
func (q *queue) ask(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	var best *line
	for _, l := range q.lines {
		if l.ready() && w.wants(l) && (best == nil || l.before(best)) {
			best = l
		}
	}
	if best == nil {
		q.waiters = append(q.waiters, w)
	} else {
		w.got <- q.takeLocked(best)
	}
	return true
}

// forget ends the waiting of w, and returns what it was handed at the last
// moment, or nil.
func (q *queue) forget(w *waiter) *entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = slices.DeleteFunc(q.waiters, func(other *waiter) bool { return other == w })
	select {
	case e := <-w.got:
		return e
	default:
		return nil
	}
}
