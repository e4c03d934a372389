package connections

import (
	"context"
	"errors"
	"log/slog"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Close implements gateway.Peer. The stream leaves this node's connections at
// once: an external gateway may tell of its end elsewhere.
func (m *Manager) Close(ctx context.Context, token connection.Token, last event.Event) error {
	err := m.sender.Close(ctx, token, last)
	m.Ended(ctx, token, connection.ReasonReplaced)
	return err
}

// Ended implements gateway.Peer.
func (m *Manager) Ended(ctx context.Context, token connection.Token, reason connection.Reason) {
	m.Disconnect(ctx, token, reason)
}

// warnAway is warnOpen for a stream of another node. One that does not answer is
// worth one warning: its streams are gone, or it finds out by itself that they
// were replaced.
func (m *Manager) warnAway(ctx context.Context, old connection.Connection, err error) {
	if !errors.Is(err, gateway.ErrNodeAway) {
		m.silent.Delete(old.Node)
		m.warnOpen(ctx, old, err)
		return
	}
	if _, known := m.silent.LoadOrStore(old.Node, true); !known {
		m.log.WarnContext(ctx, "node does not answer: it closes replaced connections later", slog.String("node", old.Node), slog.Any("error", err))
	}
}

// tellOwner tells the node that owned c of its end. One that does not answer is
// gone, or finds out when it sends to c next (rule E5).
func (m *Manager) tellOwner(ctx context.Context, c connection.Connection, reason connection.Reason) {
	if err := m.control.Ended(ctx, c.Node, c.Token, reason); err != nil {
		m.log.DebugContext(ctx, "owner of a connection was not told of its end", requestID(c), slog.Any("error", err))
	}
}

// inBackground calls f in another goroutine, which Stop waits for; not after Stop.
func (m *Manager) inBackground(f func(context.Context)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return
	}
	m.running.Add(1)
	m.crew.call(func() {
		defer m.running.Done()
		f(m.life)
	})
}
