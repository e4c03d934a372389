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
	if c, ok := m.find(ctx, token); ok {
		m.observers.Await(ctx, c)
	}
}

// Found implements gateway.Listener. Nobody knows what the stream has got so far,
// so it begins with a stream_reset.
func (m *Manager) Found(ctx context.Context, id connection.RequestID, token connection.Token) {
	c := connection.Connection{RequestID: id, Token: token, Node: m.node}
	switch err := m.adoptFound(ctx, c); {
	case errors.Is(err, connection.ErrShuttingDown): // the next service finds it
		m.log.DebugContext(ctx, "stream of the gateway was not adopted", requestID(c), slog.Any("error", err))
	case err != nil:
		m.log.WarnContext(ctx, "stream of the gateway could not be adopted", requestID(c), slog.Any("error", err))
	}
}

// adoptFound registers c unless its request_id has a connection. Errors: those of
// connection.Registry, ErrShuttingDown.
func (m *Manager) adoptFound(ctx context.Context, c connection.Connection) error {
	if m.draining.Load() {
		return connection.ErrShuttingDown
	}
	if _, err := m.registry.ByRequestID(ctx, c.RequestID); !errors.Is(err, connection.ErrNotFound) {
		return err // mostly nil: so it costs no write
	}
	return m.adopt(ctx, c, func(ctx context.Context, c connection.Connection) (connection.Connection, bool, error) {
		there, err := m.registry.PutNew(ctx, c)
		return c, there.Token == "", err
	})
}

// adopt has register make c a connection of this node, which it returns. If that is a
// new one it is counted and its client told to fetch the state.
func (m *Manager) adopt(ctx context.Context, c connection.Connection,
	register func(context.Context, connection.Connection) (now connection.Connection, isNew bool, err error),
) error {
	m.count.begin(c.Token)
	now, isNew, err := register(ctx, c)
	m.count.end(c.Token, err == nil && isNew)
	if err == nil && isNew {
		m.welcome(ctx, now)
	}
	return err
}

// lost tells a client that nobody knows what it has got: the service that sent it is
// another life of this one.
var lost = stream.Reset(stream.ResetEpoch)

// welcome has the client of a connection that was adopted fetch the state.
func (m *Manager) welcome(ctx context.Context, c connection.Connection) {
	m.log.DebugContext(ctx, "stream of the gateway was adopted", requestID(c))
	if err := m.sender.Send(ctx, c.Token, lost); err != nil && !errors.Is(err, gateway.ErrUnknownToken) {
		m.log.WarnContext(ctx, "adopted stream was not told to fetch the state", requestID(c), slog.Any("error", err))
	}
	m.observers.Start(c)
}

// AdoptOrphan implements orphans.Connections.
func (m *Manager) AdoptOrphan(ctx context.Context, c connection.Connection, from connection.Orphans) error {
	return m.adopt(ctx, c, func(ctx context.Context, c connection.Connection) (connection.Connection, bool, error) {
		now, err := from.Adopt(ctx, c)
		if errors.Is(err, connection.ErrNotFound) {
			return c, false, nil // it is another node's by now
		}
		return now, true, err
	})
}

// Release implements orphans.Connections.
func (m *Manager) Release(c connection.Connection, from connection.Orphans) {
	if from.Release(c.Token) {
		m.count.left(c.Token)
	}
}

// CloseReplaced implements orphans.Connections.
func (m *Manager) CloseReplaced(ctx context.Context, c connection.Connection) {
	m.closer.warn(ctx, c, m.Close(ctx, c.Token, replaced))
}
