package httpsender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"

	"heliograph/domain/gateway"
)

const (
	// lookInterval is how often a gateway that is away is looked for.
	lookInterval = time.Second
	// askInterval is how often one that answers is asked what it can: it may have
	// been exchanged while nothing was sent.
	askInterval = 10 * time.Second
	// askTimeout bounds one such question: longer than any pause of a gateway that
	// lives.
	askTimeout = 2 * time.Second
	// sweepInterval is how often streams that lost an event, and have nothing else
	// to send, are tried again: the lost event may have been the last one for long.
	sweepInterval = 2 * time.Second
	// maxMatches is how often the streams of a gateway that was away are asked for
	// while it does not answer that, and broadcasts wait: some 30 s. Streams that are
	// not known by then have missed the beginning of a log that is new to them.
	maxMatches = 5
	// maxFailures is how many requests in a row a gateway that lives may leave
	// unanswered: a single stream that hangs must not stop all others.
	maxFailures = 3
)

// breaker fails requests at once while the gateway does not answer.
type breaker = gobreaker.CircuitBreaker[struct{}]

// newBreaker returns one that is closed. When it opens, nothing leaves any more
// until the watch has found the gateway again.
func (s *Sender) newBreaker() *breaker {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      lookInterval / 2, // the watch is what makes it wait
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= maxFailures },
		IsSuccessful: func(err error) bool { return !errors.Is(err, gateway.ErrUnreachable) && !errors.Is(err, errSecret) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) }, // our own doing
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				s.outbox.lose()
				s.tell()
			}
		},
	})
}

// through calls request unless the breaker is open. Errors: those of request,
// errNotSent.
func (s *Sender) through(request func() error) error {
	_, err := s.breaker.Load().Execute(func() (struct{}, error) { return struct{}{}, request() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		s.outbox.lose() // an answer that crossed with the failures may have said otherwise
		return errors.Join(errNotSent, err)
	}
	if errors.Is(err, gateway.ErrUnreachable) {
		s.tell()
	}
	return err
}

// Heard says that the gateway has called: one that was away is looked for at
// once.
func (s *Sender) Heard() {
	if !s.outbox.reaches() {
		s.breaker.Store(s.newBreaker())
		s.tell()
	}
}

// tell wakes the watch.
func (s *Sender) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// watch keeps the outbox informed of the gateway until ctx ends.
func (s *Sender) watch(ctx context.Context, listener gateway.Listener) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	w := watch{Sender: s, listener: listener, swept: time.Now()}
	for ctx.Err() == nil {
		w.look(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-s.news:
		}
	}
}

// watch is what one goroutine knows of the gateway.
type watch struct {
	*Sender

	listener gateway.Listener

	can                   capabilities
	ready                 bool  // it said so
	away                  bool  // and it was logged
	why                   error // it is not reachable, as it was logged
	unmatched             int   // how often its streams may still be asked for before broadcasts go on
	asked, swept, matched time.Time
}

// look does what is due.
func (w *watch) look(ctx context.Context) {
	now := time.Now()
	if since := now.Sub(w.asked); !w.outbox.reaches() || since >= askInterval || (w.unsure() || w.unmatched > 0) && since >= lookInterval {
		w.asked = now
		w.ask(ctx)
	}
	for _, token := range w.outbox.takeDelayed() {
		w.failed(ctx, token, fmt.Errorf("%w: the event waits", gateway.ErrUnreachable), w.listener)
	}
	w.losses.report(ctx)
	if now.Sub(w.swept) >= sweepInterval {
		w.swept = now
		w.outbox.sweep()
	}
	if w.doubt.Load() && now.Sub(w.matched) >= w.matchInterval() {
		_ = w.match(ctx) // logged, and tried again
	}
}

// unsure reports whether the gateway may have changed: the last request got no
// answer, or it was not ready when it was asked.
func (w *watch) unsure() bool {
	return !w.ready || w.breaker.Load().Counts().ConsecutiveFailures > 0
}

// ask asks the gateway whether it is there and what it can.
func (w *watch) ask(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, min(askTimeout, w.client.timeout))
	defer cancel()
	var can capabilities
	err := w.through(func() (err error) {
		can, w.ready, err = w.client.capabilities(asking)
		return err
	})
	switch {
	case ctx.Err() != nil:
	case err == nil:
		w.there(ctx, can)
	default:
		w.missing(ctx, err)
	}
}

// there draws the consequences of an answer. Until the streams of a gateway that
// was away are known, what waits for all of them does so.
func (w *watch) there(ctx context.Context, can capabilities) {
	news := w.outbox.reach(can)
	if news || can != w.can {
		w.log.InfoContext(ctx, "gateway is reachable", slog.Bool("broadcast", can.Broadcast),
			slog.Bool("event_id", can.EventID), slog.Bool("connections", can.Connections))
		w.warnOfSilence(ctx, can)
	}
	w.can, w.away, w.why = can, false, nil
	if news {
		w.unmatched = maxMatches
	}
	if w.unmatched == 0 {
		return
	}
	if w.unmatched--; !errors.Is(w.match(ctx), gateway.ErrUnreachable) || w.unmatched == 0 {
		w.unmatched = 0
		w.outbox.adopted()
	}
}

// warnOfSilence says that streams may outlive what is known of them.
func (w *watch) warnOfSilence(ctx context.Context, can capabilities) {
	if w.cfg.Forgets && !can.Connections && w.ready {
		w.log.WarnContext(ctx, "gateway cannot list its streams, and the memory broker forgets them: after a crash of this service they stay open and silent; set DATA_DIR")
	}
}

// missing logs that there was no answer, once.
func (w *watch) missing(ctx context.Context, err error) {
	if w.outbox.reaches() || errors.Is(err, gobreaker.ErrOpenState) {
		return // so far it may be a hiccup; or it was not asked
	}
	w.outbox.lose()
	refused := errors.Is(err, errSecret)
	if w.away && refused == errors.Is(w.why, errSecret) {
		return
	}
	w.away, w.why = true, err
	level := slog.LevelWarn
	if refused {
		level = slog.LevelError
	}
	w.log.LogAttrs(ctx, level, "gateway is not reachable, events wait", slog.Any("error", err))
}
