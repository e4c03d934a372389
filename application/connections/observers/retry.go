package observers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/application/connections/background"
	"heliograph/domain/connection"
)

const (
	// minRetryDelay and maxRetryDelay are between two rounds of retries: the delay is
	// doubled while none of them succeeds.
	minRetryDelay, maxRetryDelay = 500 * time.Millisecond, 8 * time.Second
	// retriesAtOnce bounds the retries that run at the same time: many are due at once
	// after a store was unavailable.
	retriesAtOnce = 32
)

// retryQueue holds the runs in which observers failed. What an observer sends to a new
// connection is sent by nothing else (rules T13, V1), so the runs are repeated until they
// succeed or the connection has ended. It never holds more runs than there are
// connections.
type retryQueue struct {
	mu      sync.Mutex
	waiting []*run // guarded by mu
	serving bool   // guarded by mu: a goroutine empties it
}

// retry queues another call of the observers that failed in failed.
func (r *Runner) retry(failed *run) {
	r.retries.mu.Lock()
	defer r.retries.mu.Unlock()
	r.retries.waiting = append(r.retries.waiting, failed)
	if !r.retries.serving {
		r.retries.serving = r.group.Go(r.serveRetries)
	}
}

// serveRetries ends when nothing waits.
func (r *Runner) serveRetries(ctx context.Context) {
	for delay := minRetryDelay; ; {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return
		}
		waiting := r.retries.take()
		if len(waiting) == 0 {
			return
		}
		delay = min(2*delay, maxRetryDelay)
		if r.retryAll(ctx, waiting) {
			delay = minRetryDelay
		}
	}
}

// take returns what waits. If that is nothing, the next retry starts serveRetries anew.
func (q *retryQueue) take() (waiting []*run) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, q.waiting = q.waiting, nil
	q.serving = len(waiting) > 0
	return waiting
}

// retryAll repeats each run once, and reports whether at least one is finished.
func (r *Runner) retryAll(ctx context.Context, waiting []*run) bool {
	var settled atomic.Bool
	background.ForEach(waiting, retriesAtOnce, func(failed *run) {
		if r.repeat(ctx, failed) {
			settled.Store(true)
		}
	})
	return settled.Load()
}

// repeat calls the observers that failed, and reports whether they succeeded this time or
// the connection has ended. Otherwise they are queued again.
func (r *Runner) repeat(ctx context.Context, failed *run) (settled bool) {
	if _, err := r.registry.ByToken(ctx, failed.conn.Token); errors.Is(err, connection.ErrNotFound) {
		return true
	}
	again := &run{runner: r, conn: failed.conn, observers: failed.failed, retried: true, done: make(chan struct{})}
	if !r.group.Go(again.start) { // not in this goroutine: an observer that never returns would block the rest
		return true
	}
	select {
	case <-again.done: // closed by the last goroutine of the run
		return len(again.failed) == 0
	case <-ctx.Done():
		return false
	}
}

// fail records that the i-th observer failed. One that panicked or ended its goroutine is
// not called again.
func (r *run) fail(ctx context.Context, i int, why error) {
	if !r.retried {
		r.runner.warn(ctx, r.observers[i], r.conn, why)
	}
	if _, panicked := errors.AsType[*panicError](why); !panicked && !errors.Is(why, errExited) {
		r.failed = append(r.failed, r.observers[i])
	}
}
