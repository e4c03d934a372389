// Package delivery sends events: to everyone through the broker, or to one
// connection through its gateway (rules E1–E4), and takes what the broker has
// put in order on to the streams of this node.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Dispatcher sends events. It is safe for concurrent use.
type Dispatcher struct {
	publisher event.Publisher
	registry  connection.Registry
	roster    connection.Roster
	sender    gateway.Sender
	log       *slog.Logger
}

// NewDispatcher returns a Dispatcher. It starts nothing.
func NewDispatcher(publisher event.Publisher, registry connection.Registry, roster connection.Roster,
	sender gateway.Sender, log *slog.Logger,
) *Dispatcher {
	return &Dispatcher{publisher: publisher, registry: registry, roster: roster, sender: sender, log: log}
}

// Broadcast puts ev into the log, for every stream. It returns how many
// connections this node had at that moment; none is not an error (rule E3).
// Errors: those of event.Publisher.
func (d *Dispatcher) Broadcast(ctx context.Context, ev event.Event) (audience int, err error) {
	audience = d.roster.Count()
	id, err := d.publisher.Publish(ctx, ev)
	if err != nil {
		return 0, fmt.Errorf("broadcast %s: %w", ev.Name, err)
	}
	if audience == 0 {
		d.log.DebugContext(ctx, "nobody is connected to get the event",
			slog.String("event", ev.Name), slog.String("id", id.String()))
	}
	return audience, nil
}

// SendTo hands ev to the connection of one request_id and reports whether there
// was one (rule E4). Errors: those of connection.Registry and gateway.Sender;
// with one, nothing was delivered.
func (d *Dispatcher) SendTo(ctx context.Context, id connection.RequestID, ev event.Event) (delivered bool, err error) {
	c, err := d.registry.ByRequestID(ctx, id)
	if err == nil {
		err = d.sender.Send(ctx, c.Token, ev)
	}
	if errors.Is(err, connection.ErrNotFound) || errors.Is(err, gateway.ErrUnknownToken) {
		d.log.WarnContext(ctx, "event for an unknown connection was not delivered",
			slog.String("event", ev.Name), slog.String("request_id", string(id)))
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("send %s to %s: %w", ev.Name, id, err)
	}
	return true, nil
}

// Receiver hands the log events of the broker to this node's streams.
type Receiver struct {
	sender gateway.Sender
	log    *slog.Logger
}

var _ event.Receiver = (*Receiver)(nil)

// NewReceiver returns a Receiver.
func NewReceiver(sender gateway.Sender, log *slog.Logger) *Receiver {
	return &Receiver{sender: sender, log: log}
}

// Receive implements event.Receiver.
func (r *Receiver) Receive(ctx context.Context, rec event.Record) {
	if err := r.sender.Broadcast(ctx, rec); err != nil {
		r.log.ErrorContext(ctx, "log event did not reach the gateway", slog.String("event", rec.Event.Name),
			slog.String("id", rec.ID.String()), slog.Any("error", err))
	}
}
