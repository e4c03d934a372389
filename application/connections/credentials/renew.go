package credentials

import (
	"context"
	"errors"
	"fmt"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

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
