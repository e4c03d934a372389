package connections

import (
	"context"
	"errors"
	"log/slog"

	"heliograph/domain/access"
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
	if c, ok := m.registry.find(ctx, token); ok {
		m.log.WarnContext(ctx, "event for a connection did not get through", requestID(c), slog.Any("error", err))
	}
}

// Recover implements gateway.Listener. It gives up on observers when ctx ends.
func (m *Manager) Recover(ctx context.Context, token connection.Token) {
	if c, ok := m.registry.find(ctx, token); ok {
		m.observers.Await(ctx, c)
	}
}

// Found implements gateway.Listener. What the stream has got so far is unknown, so it
// begins with a stream_reset.
func (m *Manager) Found(ctx context.Context, id connection.RequestID, token connection.Token) {
	c := connection.Connection{RequestID: id, Token: token, Node: m.node}
	switch err := m.adoptFound(ctx, c); {
	case errors.Is(err, connection.ErrShuttingDown): // the next run of the service adopts it
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
		return err // usually nil: it is registered already, and a write is saved
	}
	if err := m.credentials.Admit(c.Principal); errors.Is(err, access.ErrNoCredential) { // whose it is was forgotten with the registry
		m.End(ctx, c, stream.AuthExpired(), connection.ReasonExpired)
		return nil
	}
	return m.adopt(ctx, c, func(ctx context.Context, c connection.Connection) (connection.Connection, bool, error) {
		there, err := m.registry.PutNew(ctx, c)
		return c, there.Token == "", err
	})
}

// resetEpoch asks a client to fetch the state, because another run of the service sent
// what it has got so far, and this one does not know what that was.
var resetEpoch = stream.Reset(stream.ResetEpoch)

// adopt calls register to make c a connection of this node, and returns that. A new
// connection is counted, and its client is asked to fetch the state.
func (m *Manager) adopt(ctx context.Context, c connection.Connection,
	register func(context.Context, connection.Connection) (now connection.Connection, isNew bool, err error),
) error {
	m.count.begin(c.Token)
	now, isNew, err := register(ctx, c)
	m.count.end(c.Token, err == nil && isNew)
	if err != nil || !isNew || m.credentials.Adopted(ctx, now) {
		return err
	}
	m.book.Opened(now, false)
	m.log.DebugContext(ctx, "stream of the gateway was adopted", requestID(now))
	if err := m.sender.Send(ctx, now.Token, resetEpoch); err != nil && !errors.Is(err, gateway.ErrUnknownToken) {
		m.log.WarnContext(ctx, "stream_reset could not be sent to an adopted stream", requestID(now), slog.Any("error", err))
	}
	m.observers.Start(now)
	return nil
}

// AdoptOrphan implements orphans.Connections.
func (m *Manager) AdoptOrphan(ctx context.Context, c connection.Connection, from connection.Orphans) error {
	return m.adopt(ctx, c, func(ctx context.Context, c connection.Connection) (connection.Connection, bool, error) {
		now, err := from.Adopt(ctx, c)
		if errors.Is(err, connection.ErrNotFound) {
			return c, false, nil // another node owns it by now
		}
		return now, true, err
	})
}

// Release implements orphans.Connections.
func (m *Manager) Release(c connection.Connection, from connection.Orphans) {
	if from.Release(c.Token) {
		m.ended(c, connection.ReasonReplaced)
		m.count.left(c.Token)
	}
}

// Lost implements orphans.Connections.
func (m *Manager) Lost(c connection.Connection) { m.book.Ended(c, connection.ReasonNodeLost) }

// CloseReplaced implements orphans.Connections.
func (m *Manager) CloseReplaced(ctx context.Context, c connection.Connection) {
	m.closer.warn(ctx, c, m.end(ctx, c.Token, replaced, connection.ReasonReplaced))
}
