package connections

import (
	"context"
	"errors"
	"log/slog"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// Gone implements gateway.Listener.
func (m *Manager) Gone(ctx context.Context, token connection.Token) {
	m.Disconnect(ctx, token, connection.ReasonGone)
}

// Failed implements gateway.Listener.
func (m *Manager) Failed(ctx context.Context, token connection.Token, err error) {
	if c, ok := m.find(ctx, token); ok {
		m.log.WarnContext(ctx, "event for a connection did not get through", requestID(c), slog.Any("error", err))
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
	case <-m.life.Done():
	}
}

// lost tells a client that nobody knows what it has got: the service that sent
// it is another life of this one.
var lost = stream.Reset(stream.ResetEpoch)

// Found implements gateway.Listener. Nobody knows what the stream has got so far,
// so it begins with a stream_reset.
func (m *Manager) Found(ctx context.Context, id connection.RequestID, token connection.Token) {
	c := connection.Connection{RequestID: id, Token: token, Node: m.cfg.Node}
	adopted, err := m.adopt(ctx, c)
	switch {
	case errors.Is(err, connection.ErrShuttingDown): // the next service finds it
		m.log.DebugContext(ctx, "stream of the gateway was not adopted", requestID(c), slog.Any("error", err))
	case err != nil:
		m.log.WarnContext(ctx, "stream of the gateway could not be adopted", requestID(c), slog.Any("error", err))
	case adopted:
		m.welcome(ctx, c)
	}
}

// welcome has the client of a connection that was adopted fetch the state.
func (m *Manager) welcome(ctx context.Context, c connection.Connection) {
	m.log.DebugContext(ctx, "stream of the gateway was adopted", requestID(c))
	if err := m.sender.Send(ctx, c.Token, lost); err != nil && !errors.Is(err, gateway.ErrUnknownToken) {
		m.log.WarnContext(ctx, "adopted stream was not told to fetch the state", requestID(c), slog.Any("error", err))
	}
	m.Opened(ctx, c.Token)
}

// adopt registers c unless its request_id has a connection. Errors: those of
// connection.Registry, ErrShuttingDown.
func (m *Manager) adopt(ctx context.Context, c connection.Connection) (adopted bool, err error) {
	if m.drained.Load() {
		return false, connection.ErrShuttingDown
	}
	if _, err = m.registry.ByRequestID(ctx, c.RequestID); !errors.Is(err, connection.ErrNotFound) {
		return false, err // mostly nil: so it costs no write
	}
	m.count.begin(c.Token)
	defer func() { m.count.end(c.Token, adopted) }()
	there, err := m.registry.PutNew(ctx, c)
	return err == nil && there.Token == "", err
}
