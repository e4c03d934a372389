// Package memcontrol implements gateway.Control for a node that is alone.
package memcontrol

import (
	"context"

	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/output"
)

// Control is the way to the other nodes where there are none. It is safe for
// concurrent use, and its zero value is ready.
type Control struct{}

var _ gateway.Control = Control{}

// New returns a Control.
func New() Control { return Control{} }

// Owns implements gateway.Control: all streams are this node's.
func (Control) Owns(string) bool { return true }

// Close implements gateway.Control.
func (Control) Close(ctx context.Context, _ string, _ connection.Token, last event.Event) error {
	if err := last.Validate(); err != nil {
		return err
	}
	return away(ctx)
}

// Send implements gateway.Control.
func (Control) Send(ctx context.Context, _ string, _ connection.Token, ev event.Event) error {
	if err := ev.Validate(); err != nil {
		return err
	}
	return away(ctx)
}

// Ended implements gateway.Control.
func (Control) Ended(ctx context.Context, _ string, _ connection.Token, _ connection.Reason) error {
	return away(ctx)
}

// Renew implements gateway.Control.
func (Control) Renew(ctx context.Context, _ string, _ connection.Token, _ *access.Principal) error {
	return away(ctx)
}

// Follow implements gateway.Control.
func (Control) Follow(ctx context.Context, _ string, _ connection.Token, _ output.Followed) error {
	return away(ctx)
}

func away(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return gateway.ErrNodeAway
}
