package versions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/domain/version"
)

// greeter sends new connections their version. It is safe for concurrent use.
type greeter struct {
	state       *State
	pending     version.Pending
	lookups     *lookups
	broadcaster *broadcaster
	sender      gateway.Sender
	log         *slog.Logger
}

// Connected implements connection.Observer: it sends c the version that is
// pending for its request_id, or else the current one (rule V1). While there is none
// it sends nothing; the first one will be broadcast (rule V6).
//
// With a pending version it does not ask the source: a new version of the source would
// be broadcast, and c would get it after its own.
func (g *greeter) Connected(ctx context.Context, c connection.Connection) error {
	if err := g.state.awaitRestored(ctx); err != nil {
		return err
	}
	logged := g.state.view().logged // a current version that is logged from here on reaches c from the log
	looked := false
	for ctx.Err() == nil {
		changes := g.state.view().changes
		v, err := g.readPending(ctx, c.RequestID)
		if err != nil {
			return err
		}
		if v.IsZero() && !looked {
			looked = true
			if g.lookups.watch(ctx, g.lookups.maxAge) { // else c gets the version that was current before
				g.broadcaster.awaitBroadcast(ctx)
			}
		}
		if done, err := g.send(ctx, c, v, changes, logged); done {
			return err
		}
	}
	return ctx.Err()
}

// readPending returns the version that is pending for id, or the zero Version, also
// if the stored one cannot be read: it would never be.
func (g *greeter) readPending(ctx context.Context, id connection.RequestID) (version.Version, error) {
	v, err := g.pending.Get(ctx, id)
	if errors.Is(err, version.ErrInvalid) {
		g.log.WarnContext(ctx, "pending version cannot be read, it counts as none", slog.String("request_id", string(id)), slog.Any("error", err))
		return version.Version{}, nil
	}
	if err != nil {
		return version.Version{}, fmt.Errorf("read pending version: %w", err)
	}
	return v, nil
}

// send sends c its version: pending if there is one, or else the current version, if it
// is not one that c gets from the log because it was logged since. If versions have
// changed since pending was read, pending may be an old one: then it sends nothing and
// returns false.
func (g *greeter) send(ctx context.Context, c connection.Connection, pending version.Version, changes, logged uint64) (done bool, err error) {
	return g.state.ifUnchanged(changes, func(v view) error {
		next := pending
		if next.IsZero() && v.logged == logged {
			next = v.current.Version
		}
		if next.IsZero() {
			return nil
		}
		err := g.sender.Send(ctx, c.Token, toEvent(next, ""))
		if err != nil && !errors.Is(err, gateway.ErrUnknownToken) { // the stream ended before it was sent its version
			return fmt.Errorf("send version: %w", err)
		}
		return nil
	})
}
