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

// SendTo hands ev to the connection of one request_id, of this node, and reports
// whether there was one (rule E4). Errors: those of connection.Registry and
// gateway.Sender; with one, nothing was delivered.
func (m *Manager) SendTo(ctx context.Context, id connection.RequestID, ev event.Event) (delivered bool, err error) {
	c, err := m.registry.ByRequestID(ctx, id)
	if err == nil {
		err = m.sender.Send(ctx, c.Token, ev)
	}
	if errors.Is(err, connection.ErrNotFound) || errors.Is(err, gateway.ErrUnknownToken) {
		m.log.WarnContext(ctx, "event for an unknown connection was not delivered",
			slog.String("event", ev.Name), slog.String("request_id", string(id)))
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("send %s to %s: %w", ev.Name, id, err)
	}
	return true, nil
}
