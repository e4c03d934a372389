package connections

import (
	"context"
	"errors"
	"log/slog"

	"heliograph/domain/connection"
)

// loggedRegistry is a registry for what gateways report of single streams: nobody waits for
// what becomes of that, so errors are logged.
type loggedRegistry struct {
	connection.Registry

	log *slog.Logger
}

// find returns the connection that token names.
func (r loggedRegistry) find(ctx context.Context, token connection.Token) (c connection.Connection, ok bool) {
	c, err := r.ByToken(ctx, token)
	return c, r.succeeded(ctx, err)
}

// take removes the connection that token names, and returns it.
func (r loggedRegistry) take(ctx context.Context, token connection.Token) (c connection.Connection, ok bool) {
	c, err := r.Remove(ctx, token)
	return c, r.succeeded(ctx, err)
}

// succeeded logs why no connection was found for a token: a late report about a replaced one
// is normal (rule C4), a registry that fails is not.
func (r loggedRegistry) succeeded(ctx context.Context, err error) bool {
	switch {
	case err == nil:
	case errors.Is(err, connection.ErrNotFound):
		r.log.DebugContext(ctx, "report about an unknown connection")
	default:
		r.log.ErrorContext(ctx, "connection registry failed", slog.Any("error", err))
	}
	return err == nil
}
