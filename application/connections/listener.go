package connections

import (
	"context"
	"log/slog"

	"heliograph/domain/connection"
)

// Gone implements gateway.Listener.
func (m *Manager) Gone(ctx context.Context, token connection.Token) {
	m.Disconnect(ctx, token, connection.ReasonGone)
}

// Failed implements gateway.Listener.
func (m *Manager) Failed(ctx context.Context, token connection.Token, err error) {
	if c, ok := m.find(ctx, token); ok {
		m.log.WarnContext(ctx, "event for a connection was lost", requestID(c), slog.Any("error", err))
	}
}

// Recover implements gateway.Listener. It gives up on observers when ctx ends.
func (m *Manager) Recover(ctx context.Context, token connection.Token) {
	c, known := m.find(ctx, token)
	if !known {
		return
	}
	t, ok := m.begin(c)
	if !ok {
		return
	}
	t.told = make(chan struct{})
	m.crew.call(func() { t.from(m.life, 0) })
	select {
	case <-t.told:
	case <-ctx.Done():
	}
}
