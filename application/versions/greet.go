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

// Connected implements connection.Observer: it sends c the version that is
// pending for its request_id, or else the current one (rule V1). While there is none
// it sends nothing; the first one will be broadcast (rule V6).
//
// With a pending version it does not ask the source: a new version of the source would
// be broadcast, and c would get it after its own.
func (s *Service) Connected(ctx context.Context, c connection.Connection) error {
	if err := s.state.awaitRestored(ctx); err != nil {
		return err
	}
	logged := s.state.view().logged // a current version that is logged from here on reaches c from the log
	looked := false
	for ctx.Err() == nil {
		changes := s.state.view().changes
		v, err := s.readPending(ctx, c.RequestID)
		if err != nil {
			return err
		}
		if v.IsZero() && !looked {
			looked = true
			s.refresh(ctx)
		}
		if done, err := s.greet(ctx, c, v, changes, logged); done {
			return err
		}
	}
	return ctx.Err()
}

// refresh asks the source, if this node watches it, and has a new version broadcast.
// When the source fails, Connected sends the version that was current before.
func (s *Service) refresh(ctx context.Context) {
	if !s.nodes.Leads() {
		return
	}
	if _, err := s.lookUp(ctx, s.cfg.CacheTTL); err == nil {
		s.awaitTold(ctx)
	}
}

// readPending returns the version that is pending for id, or the zero Version, also
// if the stored one cannot be read: it would never be.
func (s *Service) readPending(ctx context.Context, id connection.RequestID) (version.Version, error) {
	v, err := s.pending.Get(ctx, id)
	if errors.Is(err, version.ErrInvalid) {
		s.log.WarnContext(ctx, "pending version cannot be read, it counts as none", slog.String("request_id", string(id)), slog.Any("error", err))
		return version.Version{}, nil
	}
	if err != nil {
		return version.Version{}, fmt.Errorf("read pending version: %w", err)
	}
	return v, nil
}

// greet sends c its version: pending if there is one, or else the current version. If
// versions have changed since pending was read, pending may be an old one: then it sends
// nothing and returns false. It does not send a current version that c has got from the
// log.
func (s *Service) greet(ctx context.Context, c connection.Connection, pending version.Version, changes, logged uint64) (done bool, err error) {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	if s.state.changes != changes {
		return false, nil
	}
	v := pending
	if v.IsZero() && s.state.logged == logged {
		v = s.state.current.Version
	}
	if v.IsZero() {
		return true, nil
	}
	err = s.sender.Send(ctx, c.Token, toEvent(v, ""))
	if err != nil && !errors.Is(err, gateway.ErrUnknownToken) { // the stream ended before it was sent its version
		return true, fmt.Errorf("send version: %w", err)
	}
	return true, nil
}
