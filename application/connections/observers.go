package connections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"heliograph/domain/connection"
)

// What can become of an observer beside what it says itself.
var (
	errLate    = errors.New("observer did not return within its time limit")
	errExited  = errors.New("observer ended its goroutine")
	errStopped = errors.New("connection manager is stopped")
)

// observer is one observer with its name for the logs.
type observer struct {
	connection.Observer

	name string
}

// panicError is what an observer panicked with, and where.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("observer panicked: %v", e.value) }

// Observe implements connection.Manager. It only appends, so that whoever goes
// through the observers of before may go on (rule C6).
func (m *Manager) Observe(name string, o connection.Observer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observers = append(m.observers, observer{Observer: o, name: name})
}

// Opened implements connection.Manager. Nothing here ends with ctx: a gateway
// that has its answer may hang up.
func (m *Manager) Opened(ctx context.Context, token connection.Token) {
	ctx = context.WithoutCancel(ctx)
	c, known := m.find(ctx, token)
	if !known {
		return
	}
	if observers, ok := m.begin(); ok {
		m.crew.call(func() {
			defer m.running.Done()
			m.tell(ctx, c, observers)
		})
	}
}

// Stop ends the contexts of the observers that run, lets no other begin, and
// waits for them, those included that were left behind. It refuses connects, as
// Drain does, and may be called twice. Errors: ctx.Err(), when some still run.
func (m *Manager) Stop(ctx context.Context) error {
	m.Drain()
	m.halt()
	done := make(chan struct{})
	go func() { // ends with the last observer
		m.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for connection observers: %w", ctx.Err())
	}
}

// begin returns who is to be told, and counts one more that tells them, which
// must call running.Done. After Stop it is not ok.
func (m *Manager) begin() (observers []observer, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil, false
	}
	m.running.Add(1)
	return m.observers, true
}

func (m *Manager) halt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopped {
		m.stopped = true
		close(m.stopping)
	}
}

// tell calls observers one after the other.
func (m *Manager) tell(ctx context.Context, c connection.Connection, observers []observer) {
	for _, o := range observers {
		switch err := m.call(ctx, o, c); {
		case errors.Is(err, errStopped):
			return
		case err != nil:
			m.warn(ctx, o, c, err)
		}
	}
}

// call returns what o says, or why it was not waited for any longer.
func (m *Manager) call(ctx context.Context, o observer, c connection.Connection) error {
	ctx, cancel := context.WithTimeoutCause(ctx, m.cfg.ObserverTimeout, errLate)
	defer cancel()
	select {
	case err := <-m.start(ctx, o, c):
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-m.stopping:
		return errStopped
	}
}

// start calls o in a goroutine of its own, because nothing can make it return.
func (m *Manager) start(ctx context.Context, o observer, c connection.Connection) <-chan error {
	done := make(chan error, 1) // 1: perhaps nobody waits any more
	m.running.Add(1)            // while whoever calls us is counted, so never from zero after Stop
	m.crew.call(func() {
		err := errExited
		defer func() {
			if v := recover(); v != nil {
				err = &panicError{value: v, stack: debug.Stack()}
			}
			done <- err
			m.running.Done()
		}()
		err = o.Connected(ctx, c)
	})
	return done
}

func (m *Manager) warn(ctx context.Context, o observer, c connection.Connection, err error) {
	attrs := []slog.Attr{slog.String("observer", o.name), requestID(c), slog.Any("error", err)}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	m.log.LogAttrs(ctx, slog.LevelWarn, "connection observer failed", attrs...)
}
