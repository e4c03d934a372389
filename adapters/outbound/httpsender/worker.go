package httpsender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/gateway"
)

// worker sends what waits in the lanes, one event at a time.
type worker struct {
	*pusher

	trunk    *trunk
	listener gateway.Listener
	losses   *lossLog
	fates    *fateBook
	log      *slog.Logger
}

// run works until ctx ends or the lanes are stopped.
func (w *worker) run(ctx context.Context) {
	for {
		l := w.trunk.lanes.turns.next()
		if l == nil || ctx.Err() != nil {
			return
		}
		t := &turn{lane: l, lanes: w.trunk.lanes}
		w.turn(ctx, t)
		t.finish()
	}
}

// turn sends at most one event of a lane, so that lanes share the workers fairly, after
// a recovery if one is due.
func (w *worker) turn(ctx context.Context, t *turn) {
	givenUp, recovery := t.begin()
	if givenUp > 0 {
		w.losses.tell(ctx, w.listener, t.token, fmt.Errorf("%w: %d given up", gateway.ErrOverflow, givenUp))
	}
	if recovery {
		w.fates.say(t.token, diagnosis.Recovered, "")
		w.listener.Recover(ctx, t.token)
		t.recovered()
	}
	if m, recovery, ids := t.take(); m != nil {
		err := w.push(ctx, t.token, m, ids)
		w.noteFate(t.token, m, err)
		w.settle(ctx, t, m, recovery, err)
	}
}

// noteFate records what became of m.
func (w *worker) noteFate(token connection.Token, m *message, err error) {
	switch {
	case err == nil && len(m.fields) > 0:
		w.fates.note(token, m, diagnosis.Written, "")
	case errors.Is(err, errNotSent), err == nil && !m.closing: // it waits, or asked whether the stream is there
	case errors.Is(err, gateway.ErrUnknownToken):
		w.fates.say(token, diagnosis.Ended, "the gateway does not know the stream any more")
	case errors.Is(err, errTooLarge):
		w.fates.note(token, m, diagnosis.Dropped, diagnosis.WhyTooBig)
	case err != nil:
		w.fates.note(token, m, diagnosis.Failed, whyFailed(err))
	}
	if err == nil && m.closing {
		w.fates.say(token, diagnosis.Ended, "the service ended the stream")
	}
}

// maxCloses is how often a gateway that answers with an error is asked to end a stream.
const maxCloses = 3

// settle draws the consequences of a push's outcome.
func (w *worker) settle(ctx context.Context, t *turn, m *message, recovery bool, err error) {
	switch {
	case err == nil:
		w.follow(ctx, m)
	case errors.Is(err, errNotSent):
		if !m.late {
			w.meter.count(m, 0, 1)
			w.losses.tell(ctx, w.listener, t.token, err)
		}
		t.putBack(m.delayed(), recovery)
	case errors.Is(err, gateway.ErrUnknownToken): // E5
		t.seal()
		w.listener.Gone(ctx, t.token)
	case m.closing && m.tries < maxCloses-1: // a stream whose credential has ended must not go on (A17, A18)
		t.putBack(m.again(), recovery)
	case m.closing: // C3; the listener may not know the connection any more
		if w.losses.take() {
			w.log.WarnContext(ctx, "stream could not be closed", slog.Any("error", err))
		}
	case errors.Is(err, errTooLarge): // E8
		t.drop(m)
		w.losses.tell(ctx, w.listener, t.token, err)
	case t.fail(m, recovery) != nil: // E6
		w.losses.tell(ctx, w.listener, t.token, err)
	}
}

// follow hands over the part of a state that comes after m, which the gateway has.
func (w *worker) follow(ctx context.Context, m *message) {
	if m.next == nil {
		return
	}
	part, err := partOf(m.token, m.next)
	if err == nil && part != nil {
		err = w.trunk.handOver(part)
	}
	if err != nil && !errors.Is(err, gateway.ErrUnknownToken) && !errors.Is(err, gateway.ErrClosed) {
		w.losses.tell(ctx, w.listener, m.token, err)
	}
}
