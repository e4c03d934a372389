package versions

import (
	"context"
	"errors"
	"fmt"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// Connected implements connection.Observer: it sends c the version that is
// pending for its request_id, or else the current one (rule V1). While none is
// known it sends nothing; the first one will be broadcast (rule V6).
func (s *Service) Connected(ctx context.Context, c connection.Connection) error {
	if s.nodes.Leads() {
		_, _ = s.lookUp(ctx, s.cfg.CacheTTL) // when the source fails, what was known before is sent
	}
	for ctx.Err() == nil {
		if done, err := s.greet(ctx, c); done {
			return err
		}
	}
	return ctx.Err()
}

// greet sends c its version, unless one was queued while the pending one was
// read: then that may be an old one by now, and nothing is done.
func (s *Service) greet(ctx context.Context, c connection.Connection) (done bool, err error) {
	before := s.queuedSoFar()
	v, err := s.pending.Get(ctx, c.RequestID)
	if err != nil {
		return true, fmt.Errorf("read pending version: %w", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.queued != before {
		return false, nil
	}
	if v.IsZero() {
		v = s.current
	}
	if v.IsZero() {
		return true, nil
	}
	err = s.sender.Send(ctx, c.Token, toEvent(v, ""))
	if err != nil && !errors.Is(err, gateway.ErrUnknownToken) { // that one left before its version came
		return true, fmt.Errorf("send version: %w", err)
	}
	return true, nil
}

func (s *Service) queuedSoFar() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.queued
}
