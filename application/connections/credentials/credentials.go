// Package credentials keeps streams in step with the credentials that they were opened
// with: a stream ends when its credential does or is revoked, and goes on when that is
// renewed (rules A17, A18).
//
// It keeps nothing of a stream but when its credential ends. Whose streams there are, the
// registry and the roster know.
package credentials

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"heliograph/application/connections/timetable"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

var (
	_ connection.Credentials = (*Enforcer)(nil)
	_ timetable.Actions      = (*Enforcer)(nil)
)

// Config holds an Enforcer's settings.
type Config struct {
	// Notice is how long before its end a stream is told so; with 0 it is not.
	Notice time.Duration
	// Required says that there is no stream without a principal (rule A1).
	Required bool
}

// Streams ends streams for an Enforcer.
type Streams interface {
	// End ends the stream of c, which is this node's, after last was sent to it, and
	// removes c at once. The zero Event is nothing to send.
	End(ctx context.Context, c connection.Connection, last event.Event, reason connection.Reason)
}

// Deps holds the ports that an Enforcer uses.
type Deps struct {
	Registry connection.Registry
	Roster   connection.Roster
	Sender   gateway.Sender
	Control  gateway.Control
	// Revocations is nil where nothing can be revoked.
	Revocations access.Revocations
	Streams     Streams
	Log         *slog.Logger
}

// Enforcer ends the streams of this node whose credentials have ended. It is safe for
// concurrent use, and holds no lock while it calls a port.
type Enforcer struct {
	cfg   Config
	deps  Deps
	table *timetable.Timetable
}

// New returns an Enforcer. It starts nothing: Serve does.
func New(cfg Config, deps Deps) *Enforcer {
	return &Enforcer{cfg: cfg, deps: deps, table: timetable.New(cfg.Notice)}
}

// Serve ends streams until ctx ends, and returns nil. It begins with those that were
// there before it, which an earlier run of this node may have left.
func (e *Enforcer) Serve(ctx context.Context) error {
	if e.deps.Revocations != nil {
		stop := e.deps.Revocations.Watch(func(r access.Revocation) { e.revoke(ctx, r) })
		defer stop()
	}
	for c := range e.deps.Roster.All() {
		_ = e.Adopted(ctx, c)
	}
	e.table.Serve(ctx, e)
	return nil
}

// Admit says whether a stream of p may be opened at all. Errors: access.ErrNoCredential.
func (e *Enforcer) Admit(p *access.Principal) error {
	if p == nil && e.cfg.Required {
		return access.ErrNoCredential
	}
	return nil
}

// Opened takes c, which has just been put into the registry, into account. With an error
// c must be ended: its credential was revoked after it was checked. The registry has c
// before this looks, and a revocation is recorded before its streams are looked for, so
// one of them finds the other. Errors: those of Admit, *access.RefusedError.
func (e *Enforcer) Opened(ctx context.Context, c connection.Connection) error {
	if c.Principal == nil {
		return e.Admit(nil)
	}
	e.table.Set(c.Token, c.Principal.Expires)
	if _, err := e.deps.Registry.ByToken(ctx, c.Token); errors.Is(err, connection.ErrNotFound) {
		e.table.Remove(c.Token) // it ended before it was entered
	}
	if e.deps.Revocations != nil && e.deps.Revocations.Revoked(c.Principal) {
		return access.Refuse(access.RefusedRevoked, "it was revoked")
	}
	return nil
}

// Adopted is Opened for a stream that is open already: one that must not be is ended.
func (e *Enforcer) Adopted(ctx context.Context, c connection.Connection) (ended bool) {
	if e.Opened(ctx, c) == nil {
		return false
	}
	e.deps.Streams.End(ctx, c, stream.AuthExpired(), connection.ReasonExpired)
	return true
}

// Ended forgets a stream, after it has left the registry.
func (e *Enforcer) Ended(c connection.Connection) {
	if c.Principal != nil {
		e.table.Remove(c.Token)
	}
}
