package connections

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
)

const (
	// soonest and latest are how long observers that failed are left alone: longer
	// while none of them comes about.
	soonest, latest = 500 * time.Millisecond, 8 * time.Second
	// triesAtOnce is how many connections are told again at a time.
	triesAtOnce = 32
)

// secondTries are the connections of which some observers could not be told. What
// an observer sends to a new connection nobody sends again (rules T13, V1), so they
// are told until it works or the connection has ended.
type secondTries struct {
	mu      sync.Mutex
	waiting []*telling // guarded by mu
	serving bool       // guarded by mu
}

// tryAgain has the observers that failed called again.
func (m *Manager) tryAgain(t *telling) {
	m.again.mu.Lock()
	defer m.again.mu.Unlock()
	m.again.waiting = append(m.again.waiting, t)
	if !m.again.serving {
		m.again.serving = true
		m.inBackground(m.serveAgain)
	}
}

// serveAgain ends when nobody waits.
func (m *Manager) serveAgain(ctx context.Context) {
	for pause := soonest; ; pause = min(2*pause, latest) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		waiting := m.takeWaiting()
		if len(waiting) == 0 {
			return
		}
		if m.round(ctx, waiting) {
			pause = soonest / 2 //nolint:mnd // which is soonest after the loop's own step
		}
	}
}

// takeWaiting returns those who wait. If there are none, the next has serveAgain
// begin anew.
func (m *Manager) takeWaiting() (waiting []*telling) {
	m.again.mu.Lock()
	defer m.again.mu.Unlock()
	waiting, m.again.waiting = m.again.waiting, nil
	m.again.serving = len(waiting) > 0
	return waiting
}

// round tries all once, and reports whether any of them is done with.
func (m *Manager) round(ctx context.Context, waiting []*telling) bool {
	var done atomic.Bool
	each(waiting, triesAtOnce, func(t *telling) {
		if m.retell(ctx, t) {
			done.Store(true)
		}
	})
	return done.Load()
}

// retell calls the observers that failed, and reports whether they did not this
// time, or the connection has ended.
func (m *Manager) retell(ctx context.Context, failed *telling) (done bool) {
	if _, err := m.registry.ByToken(ctx, failed.c.Token); errors.Is(err, connection.ErrNotFound) {
		return true
	}
	t, ok := m.begin(failed.c)
	if !ok {
		return true
	}
	t.observers, t.again, t.told = failed.failed, true, make(chan struct{})
	t.from(ctx, 0)
	select {
	case <-t.told: // by whoever was the last to go on
		return len(t.failed) == 0
	case <-ctx.Done():
		return false
	}
}
