package connections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

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

// Opened implements connection.Manager.
func (m *Manager) Opened(ctx context.Context, token connection.Token) {
	if t, ok := m.opened(ctx, token); ok {
		m.crew.call(func() { t.from(m.life, 0) })
	}
}

// OpenedHere implements connection.Manager.
func (m *Manager) OpenedHere(ctx context.Context, token connection.Token) {
	if t, ok := m.opened(ctx, token); ok {
		t.from(m.life, 0) //nolint:contextcheck // see opened
	}
}

// opened returns what goes through the observers for token. Nothing here ends
// with ctx: a gateway that has its answer may hang up.
func (m *Manager) opened(ctx context.Context, token connection.Token) (t *telling, ok bool) {
	c, known := m.find(context.WithoutCancel(ctx), token)
	if !known {
		return nil, false
	}
	return m.begin(c)
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

// begin returns what goes through the observers for c, and counts one more
// that does. After Stop it is not ok.
func (m *Manager) begin(c connection.Connection) (t *telling, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil, false
	}
	m.running.Add(1)
	return &telling{m: m, c: c, observers: m.observers}, true
}

// halted reports whether Stop was called.
func (m *Manager) halted() bool { return m.life.Err() != nil }

func (m *Manager) halt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopped {
		m.stopped = true
		m.stop(errStopped)
	}
}

func (m *Manager) warn(ctx context.Context, o observer, c connection.Connection, err error) {
	attrs := []slog.Attr{slog.String("observer", o.name), requestID(c), slog.Any("error", err)}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	m.log.LogAttrs(ctx, slog.LevelWarn, "connection observer failed", attrs...)
}
