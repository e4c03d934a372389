package httpsender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// Serve pushes what is handed over and tells listener what became of it, until
// ctx ends; it returns nil once nothing runs any more. Streams resume from
// history. What still waits at the end is lost. It must be called once.
func (s *Sender) Serve(ctx context.Context, listener gateway.Listener, history event.History) error {
	s.history = history
	var working sync.WaitGroup
	for range s.cfg.Parallel {
		working.Go(func() { s.work(ctx, listener) })
	}
	working.Go(func() { s.carry(ctx) })
	s.watch(ctx, listener)
	s.outbox.stop()
	working.Wait()
	s.client.close()
	if events := s.outbox.giveUpAll(); events > 0 {
		s.log.WarnContext(ctx, "events did not reach the gateway before the end", slog.Int("events", events))
	}
	return nil
}

func (s *Sender) work(ctx context.Context, listener gateway.Listener) {
	for {
		l := s.outbox.next()
		if l == nil || ctx.Err() != nil {
			return
		}
		s.turn(ctx, l, listener)
		s.outbox.release(l)
	}
}

// turn sends at most one event of a lane, so that lanes share the workers
// fairly, after a recovery if one is due.
func (s *Sender) turn(ctx context.Context, l *lane, listener gateway.Listener) {
	givenUp, recovery := s.outbox.begin(l)
	if givenUp > 0 {
		s.failed(ctx, l.token, fmt.Errorf("%w: %d given up", gateway.ErrOverflow, givenUp), listener)
	}
	if recovery {
		listener.Recover(ctx, l.token)
		s.outbox.endRecovery(l)
	}
	if m, recovery, ids := s.outbox.take(l); m != nil {
		s.settle(ctx, l, m, recovery, s.push(ctx, l.token, m, ids), listener)
	}
}

// push pushes one event and measures it (rules M1, M2). Errors: as client.push,
// errNotSent while the gateway is known not to answer.
func (s *Sender) push(ctx context.Context, token connection.Token, m *message, ids bool) error {
	began := time.Now()
	err := s.through(func() error { return s.client.push(ctx, m.push(token, ids), m.replay) })
	if errors.Is(err, errNotSent) {
		return err
	}
	s.took(m, began)
	if err != nil {
		s.count(m, 0, 1)
	} else {
		s.count(m, 1, 0)
	}
	return err
}

// settle draws the consequences of a push's outcome.
func (s *Sender) settle(ctx context.Context, l *lane, m *message, recovery bool, err error, listener gateway.Listener) {
	switch {
	case err == nil:
		s.follow(ctx, l, m, listener)
	case errors.Is(err, errNotSent):
		if !m.late {
			s.count(m, 0, 1)
			s.failed(ctx, l.token, err, listener)
		}
		s.outbox.putBack(l, m.delayed(), recovery)
	case errors.Is(err, gateway.ErrUnknownToken): // E5
		s.outbox.seal(l)
		listener.Gone(ctx, l.token)
	case m.closing: // C3; the listener may not know the connection any more
		if s.losses.take() {
			s.log.WarnContext(ctx, "stream could not be closed", slog.Any("error", err))
		}
	case errors.Is(err, errTooLarge): // E8
		s.outbox.drop(l, m)
		s.failed(ctx, l.token, err, listener)
	case s.outbox.fail(l, m, recovery) != nil: // E6
		s.failed(ctx, l.token, err, listener)
	}
}

// follow hands over the part of a state that comes after m, which the gateway has.
func (s *Sender) follow(ctx context.Context, l *lane, m *message, listener gateway.Listener) {
	if m.next == nil {
		return
	}
	part, err := partOf(l.token, m.next)
	if err == nil {
		err = s.outbox.toOne(part)
	}
	if err != nil && !errors.Is(err, gateway.ErrUnknownToken) && !errors.Is(err, gateway.ErrClosed) {
		s.failed(ctx, l.token, err, listener)
	}
}

// failed tells the listener of a lost event, which logs it, unless it was told of
// many just now.
func (s *Sender) failed(ctx context.Context, token connection.Token, err error, listener gateway.Listener) {
	if s.losses.take() {
		listener.Failed(ctx, token, err)
	}
}
