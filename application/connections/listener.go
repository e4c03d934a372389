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

// Found implements gateway.Listener.
func (m *Manager) Found(ctx context.Context, id connection.RequestID, token connection.Token) {
	if _, err := m.registry.ByRequestID(ctx, id); err == nil {
		return
	}
	if err := m.Connect(ctx, id, token, ""); err != nil {
		m.log.WarnContext(ctx, "stream of the gateway could not be adopted", slog.String("request_id", string(id)), slog.Any("error", err))
		return
	}
	m.Opened(ctx, token)
}
