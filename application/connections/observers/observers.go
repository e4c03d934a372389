// Package observers calls connection observers (rule C5): in the order of their
// registration, each with a time limit, and retries those that failed.
//
// The observers of one connection are called one after the other and in one goroutine.
// Nothing can force an observer to return. When one is late, its goroutine is left
// blocked in it, and another goroutine continues with the next observer. Which of the two
// continues is decided once, in deadline.
package observers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"heliograph/application/connections/background"
	"heliograph/domain/connection"
)

// How a call of an observer can fail, beside the error that it returns.
var (
	errLate   = errors.New("observer did not return within its time limit")
	errExited = errors.New("observer ended its goroutine")
)

// panicError is what an observer panicked with, and where.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("observer panicked: %v", e.value) }

// Runner calls the observers that were added. It is safe for concurrent use.
type Runner struct {
	timeLimit time.Duration
	group     *background.Group
	registry  connection.Registry
	log       *slog.Logger
	retries   retryQueue

	mu        sync.Mutex
	observers []observer // guarded by mu; only appended to
}

// observer is one observer with its name for the logs.
type observer struct {
	connection.Observer

	name string
}

// New returns a Runner. It starts nothing of its own: everything runs in group, and ends
// with it. timeLimit, which must be more than 0, is for one observer and one connection.
// Observers that failed are retried while registry has the connection.
func New(timeLimit time.Duration, group *background.Group, registry connection.Registry, log *slog.Logger) *Runner {
	return &Runner{timeLimit: timeLimit, group: group, registry: registry, log: log}
}

// Add appends an observer, for connections whose run begins from then on (rule C6).
func (r *Runner) Add(name string, o connection.Observer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observers = append(r.observers, observer{Observer: o, name: name})
}

// Start calls the observers for c in the background.
func (r *Runner) Start(c connection.Connection) { r.group.Go(r.newRun(c).start) }

// Run calls the observers in the goroutine of the caller. It returns when all have
// returned, or when a late one has; the remaining ones then run in another goroutine.
func (r *Runner) Run(c connection.Connection) { r.group.Run(r.newRun(c).start) }

// Await is Start, and returns when all were called, when ctx ends, or when the group is
// stopped.
func (r *Runner) Await(ctx context.Context, c connection.Connection) {
	run := r.newRun(c)
	run.done = make(chan struct{})
	if !r.group.Go(run.start) {
		return
	}
	select {
	case <-run.done:
	case <-ctx.Done():
	case <-r.group.Stopped():
	}
}

func (r *Runner) newRun(c connection.Connection) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &run{runner: r, conn: c, observers: r.observers}
}

func (r *Runner) warn(ctx context.Context, o observer, c connection.Connection, err error) {
	attrs := []slog.Attr{
		slog.String("observer", o.name), slog.String("request_id", string(c.RequestID)), slog.Any("error", err),
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	r.log.LogAttrs(ctx, slog.LevelWarn, "connection observer failed", attrs...)
}

// run is the calling of observers for one connection.
type run struct {
	runner    *Runner
	conn      connection.Connection
	observers []observer
	retried   bool          // they failed before
	done      chan struct{} // closed when all were called; nil if nothing waits for that
	failed    []observer    // to be called again; owned by the goroutine that calls the observers
}

func (r *run) start(ctx context.Context) { r.from(ctx, 0) }

// from calls the observers from the i-th on. ctx ends when the group is stopped.
func (r *run) from(ctx context.Context, i int) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := &deadline{limit: r.runner.timeLimit, late: func(i int) {
		cancel(errLate)
		r.continueAfter(i, errLate)
	}}
	defer d.stop()
	for ; i < len(r.observers) && ctx.Err() == nil; i++ {
		if !r.call(limited, d, i) {
			return
		}
	}
	if len(r.failed) > 0 && ctx.Err() == nil {
		r.runner.retry(r)
	}
	if r.done != nil {
		close(r.done)
	}
}

// call calls the i-th observer, and reports whether the caller must continue with the
// next one.
func (r *run) call(ctx context.Context, d *deadline, i int) (goOn bool) {
	err := errExited
	d.begin(i)
	defer func() {
		inTime := d.end()
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
		switch {
		case !inTime: // another goroutine continues
			return
		case errors.Is(err, errExited): // this goroutine ends here
			r.continueAfter(i, err)
			return
		case err != nil && ctx.Err() == nil: // else the group is stopped
			r.fail(ctx, i, err)
		}
		goOn = true
	}()
	err = r.observers[i].Connected(ctx, r.conn)
	return
}

// continueAfter calls the observers after the i-th in another goroutine.
func (r *run) continueAfter(i int, why error) {
	r.runner.group.Go(func(ctx context.Context) {
		r.fail(ctx, i, why)
		r.from(ctx, i+1)
	})
}
