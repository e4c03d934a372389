package credentials

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// Expiring implements timetable.Actions.
func (e *Enforcer) Expiring(ctx context.Context, token connection.Token, expires time.Time) {
	err := e.deps.Sender.Send(ctx, token, stream.AuthExpiring(expires))
	if err == nil || errors.Is(err, gateway.ErrUnknownToken) || ctx.Err() != nil {
		return
	}
	c, _ := e.deps.Registry.ByToken(ctx, token)
	e.deps.Log.WarnContext(ctx, "a stream could not be told that its credential ends",
		slog.String("request_id", string(c.RequestID)), slog.Any("error", err))
}

// Expired implements timetable.Actions.
func (e *Enforcer) Expired(ctx context.Context, token connection.Token) {
	c, err := e.deps.Registry.ByToken(ctx, token)
	if err != nil || !e.deps.Control.Owns(c.Node) {
		return // it has ended meanwhile
	}
	if ends := c.Principal.Ends(); ends.IsZero() || time.Now().Before(ends) { // it was renewed meanwhile
		e.table.Set(token, ends)
		return
	}
	e.deps.Streams.End(ctx, c, stream.AuthExpired(), connection.ReasonExpired)
}
