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
	"fmt"
	"iter"
	"log/slog"
	"time"

	"heliograph/application/connections/expiry"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

var (
	_ connection.Credentials = (*Enforcer)(nil)
	_ expiry.Actions         = (*Enforcer)(nil)
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
	table *expiry.Timetable
}

// New returns an Enforcer. It starts nothing: Serve does.
func New(cfg Config, deps Deps) *Enforcer {
	return &Enforcer{cfg: cfg, deps: deps, table: expiry.New(cfg.Notice)}
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

// Expiring implements expiry.Actions.
func (e *Enforcer) Expiring(ctx context.Context, token connection.Token, expires time.Time) {
	err := e.deps.Sender.Send(ctx, token, stream.AuthExpiring(expires))
	if err == nil || errors.Is(err, gateway.ErrUnknownToken) || ctx.Err() != nil {
		return
	}
	c, _ := e.deps.Registry.ByToken(ctx, token)
	e.deps.Log.WarnContext(ctx, "a stream could not be told that its credential ends",
		slog.String("request_id", string(c.RequestID)), slog.Any("error", err))
}

// Expired implements expiry.Actions.
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

// revoke ends the streams of this node that r names (rule A18).
func (e *Enforcer) revoke(ctx context.Context, r access.Revocation) {
	last, reason := stream.AuthExpired(), connection.ReasonExpired
	if r.Before.IsZero() { // its client may come back with the same credential
		last, reason = event.Event{}, connection.ReasonDisconnected
	}
	ended := 0
	for c := range e.candidates(r) {
		if r.Ends(c.Principal, string(c.RequestID)) {
			e.deps.Streams.End(ctx, c, last, reason)
			ended++
		}
	}
	if ended > 0 {
		e.deps.Log.InfoContext(ctx, "streams were ended", slog.Int("count", ended), slog.String("reason", string(reason)))
	}
}

// candidates yields all streams of this node that r may be about.
func (e *Enforcer) candidates(r access.Revocation) iter.Seq[connection.Connection] {
	switch {
	case r.RequestID != "":
		return e.deps.Roster.In(&access.Audience{RequestIDs: []string{r.RequestID}})
	case r.Subject != "":
		return e.deps.Roster.In(&access.Audience{Subjects: []string{r.Subject}})
	}
	return e.deps.Roster.All()
}

// Renew implements connection.Credentials.
func (e *Enforcer) Renew(ctx context.Context, id connection.RequestID, p *access.Principal) error {
	c, err := e.deps.Registry.ByRequestID(ctx, id)
	if err != nil {
		return fmt.Errorf("renew %s: %w", id, err)
	}
	if e.deps.Control.Owns(c.Node) {
		return e.renew(ctx, c, p)
	}
	if err := samePrincipal(c, p); err != nil {
		return err
	}
	err = e.deps.Control.Renew(ctx, c.Node, c.Token, p)
	if errors.Is(err, gateway.ErrNodeAway) {
		return fmt.Errorf("%w: %w", connection.ErrUnavailable, err)
	}
	return err
}

// RenewHere is Renew for a stream of this node, which another node names by its token.
func (e *Enforcer) RenewHere(ctx context.Context, token connection.Token, p *access.Principal) error {
	c, err := e.deps.Registry.ByToken(ctx, token)
	if err != nil {
		return err
	}
	if !e.deps.Control.Owns(c.Node) {
		return fmt.Errorf("%w: another node has the stream", connection.ErrNotFound)
	}
	return e.renew(ctx, c, p)
}

// renew renews a stream of this node. Of renewals at the same time any may win.
func (e *Enforcer) renew(ctx context.Context, c connection.Connection, p *access.Principal) error {
	if err := samePrincipal(c, p); err != nil {
		return err
	}
	c.Principal = p
	if err := e.deps.Registry.Renew(ctx, c); err != nil {
		return fmt.Errorf("renew %s: %w", c.RequestID, err)
	}
	if err := e.Opened(ctx, c); err != nil {
		e.deps.Streams.End(ctx, c, stream.AuthExpired(), connection.ReasonExpired)
		return err
	}
	return nil
}

// samePrincipal checks that p sees the same as the principal of c: what the stream gets
// does not change while it is open. Errors: connection.ErrOtherPrincipal.
func samePrincipal(c connection.Connection, p *access.Principal) error {
	if c.Principal == nil || p == nil || !c.Principal.Viewer().Equal(p.Viewer()) {
		return connection.ErrOtherPrincipal
	}
	return nil
}
