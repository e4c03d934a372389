package connections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Messenger sends private events by request_id. It is safe for concurrent use.
type Messenger struct {
	registry connection.Registry
	sender   gateway.Sender
	control  gateway.Control
	log      *slog.Logger
}

var _ gateway.Messenger = (*Messenger)(nil)

// NewMessenger returns a Messenger.
func NewMessenger(registry connection.Registry, sender gateway.Sender, control gateway.Control, log *slog.Logger) *Messenger {
	return &Messenger{registry: registry, sender: sender, control: control, log: log}
}

// SendTo implements gateway.Messenger.
func (m *Messenger) SendTo(ctx context.Context, id connection.RequestID, ev event.Event) (delivered bool, err error) {
	c, err := m.registry.ByRequestID(ctx, id)
	if err == nil {
		err = m.sendHereOrThere(ctx, c, ev)
	}
	if undelivered(err) {
		m.log.WarnContext(ctx, "event for one connection was not delivered",
			slog.String("event", ev.Name), slog.String("request_id", string(id)), slog.Any("error", err))
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("send %s to %s: %w", ev.Name, id, err)
	}
	return true, nil
}

// sendHereOrThere hands ev to the stream of c through the node that owns it, which keeps
// its events in order.
func (m *Messenger) sendHereOrThere(ctx context.Context, c connection.Connection, ev event.Event) error {
	if m.control.Owns(c.Node) {
		return m.sender.Send(ctx, c.Token, ev)
	}
	return m.control.Send(ctx, c.Node, c.Token, ev)
}

// undelivered reports whether err says that the connection is not there, or does not take
// any more.
func undelivered(err error) bool {
	return errors.Is(err, connection.ErrNotFound) || errors.Is(err, gateway.ErrUnknownToken) ||
		errors.Is(err, gateway.ErrStreamFull) || errors.Is(err, gateway.ErrNodeAway)
}
