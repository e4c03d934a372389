package httpsender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// probeInterval is how often streams that lost an event, and have nothing else
// to send, are tried again: the lost event may have been the last one for long.
// It costs a gateway that is down one recovery per such stream.
const probeInterval = 10 * time.Second

// Serve pushes what is handed over and tells listener what became of it, until
// ctx ends; it returns nil once nothing runs any more. What still waits then is
// lost. It must be called once.
func (s *Sender) Serve(ctx context.Context, listener gateway.Listener) error {
	var working sync.WaitGroup
	for range s.parallel {
		working.Go(func() { s.work(ctx, listener) })
	}
	s.probe(ctx)
	s.lanes.stop()
	working.Wait()
	s.client.transport.CloseIdleConnections()
	if events, streams := s.lanes.giveUpAll(); events > 0 {
		s.log.WarnContext(ctx, "events did not reach the gateway before the end",
			slog.Int("events", events), slog.Int("connections", streams))
	}
	return nil
}

// probe looks for streams to try again until ctx ends.
func (s *Sender) probe(ctx context.Context) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.lanes.probe(s.roster)
		}
	}
}

func (s *Sender) work(ctx context.Context, listener gateway.Listener) {
	for {
		l := s.lanes.next()
		if l == nil || ctx.Err() != nil {
			return
		}
		s.turn(ctx, l, listener)
		s.lanes.release(l)
	}
}

// turn sends at most one event of a lane, so that lanes share the workers
// fairly, after a recovery if one is due.
func (s *Sender) turn(ctx context.Context, l *lane, listener gateway.Listener) {
	givenUp, recovery := s.lanes.begin(l)
	if givenUp > 0 {
		listener.Failed(ctx, l.token, fmt.Errorf("%w: %d given up", gateway.ErrOverflow, givenUp))
	}
	if recovery {
		listener.Recover(ctx, l.token)
		s.lanes.endRecovery(l)
	}
	if m, recovery := s.lanes.take(l); m != nil {
		s.settle(ctx, l, m, recovery, s.push(ctx, l, m), listener)
	}
}

// push pushes one event and measures it (rules M1, M2). Errors: as client.push.
func (s *Sender) push(ctx context.Context, l *lane, m *message) error {
	began := time.Now()
	err := s.client.push(ctx, l.token, m)
	if m.service != "" {
		s.metrics.Took(m.service, time.Since(began))
	}
	if err != nil {
		s.count(m.service, 0, 1)
	} else {
		s.count(m.service, 1, 0)
	}
	return err
}

func (s *Sender) count(service event.Service, ok, failed int) {
	if service != "" { // control events are not counted
		s.metrics.Sent(service, ok, failed)
	}
}

// settle draws the consequences of a push's outcome.
func (s *Sender) settle(ctx context.Context, l *lane, m *message, recovery bool, err error, listener gateway.Listener) {
	switch {
	case err == nil:
	case errors.Is(err, gateway.ErrUnknownToken): // E5
		s.lanes.seal(l)
		listener.Gone(ctx, l.token)
	case m.closing: // C3; the listener may not know the connection any more
		s.log.WarnContext(ctx, "stream could not be closed", slog.Any("error", err))
	case s.lanes.fail(l, m, recovery) != nil: // E6
		listener.Failed(ctx, l.token, err)
	}
}
