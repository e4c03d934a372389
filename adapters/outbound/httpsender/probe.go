package httpsender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
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
)

// probe keeps the trunk informed of the gateway: whether it is there, what it can, and
// which streams it holds. run owns its fields but for news and mismatch.
type probe struct {
	client   *client
	circuit  *circuit
	trunk    *trunk
	roster   connection.Roster
	listener gateway.Listener
	losses   *lossLog
	log      *slog.Logger
	forgets  bool
	news     chan struct{} // wakes it
	mismatch *atomic.Bool  // the gateway and the roster may not agree

	can                   capabilities
	ready                 bool  // it said so
	away                  bool  // and it was logged
	why                   error // it is not reachable, as it was logged
	unmatched             int   // how often its streams may still be asked for before broadcasts go on
	asked, swept, matched time.Time
}

// wake has the probe look for the gateway at once.
func (p *probe) wake() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// run goes on until ctx ends.
func (p *probe) run(ctx context.Context) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	p.swept = time.Now()
	for ctx.Err() == nil {
		p.look(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-p.news:
		}
	}
}

// look does what is due.
func (p *probe) look(ctx context.Context) {
	now := time.Now()
	if since := now.Sub(p.asked); !p.trunk.link.isUp() || since >= askInterval || (p.isUnsure() || p.unmatched > 0) && since >= lookInterval {
		p.asked = now
		p.ask(ctx)
	}
	for _, token := range p.trunk.delays.take() {
		p.losses.tell(ctx, p.listener, token, fmt.Errorf("%w: the event waits", gateway.ErrUnreachable))
	}
	p.losses.report(ctx)
	if now.Sub(p.swept) >= sweepInterval {
		p.swept = now
		p.trunk.lanes.sweep()
	}
	if p.mismatch.Load() && now.Sub(p.matched) >= p.matchInterval() {
		_ = p.match(ctx) // logged, and tried again
	}
}

// isUnsure reports whether the gateway may have changed: the last request got no
// answer, or it was not ready when it was asked.
func (p *probe) isUnsure() bool {
	return !p.ready || p.circuit.fails()
}

// ask asks the gateway whether it is there and what it can.
func (p *probe) ask(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, min(askTimeout, p.client.timeout))
	defer cancel()
	var can capabilities
	err := p.circuit.call(func() (err error) {
		can, p.ready, err = p.client.capabilities(asking)
		return err
	})
	switch {
	case ctx.Err() != nil:
	case err == nil:
		p.onReachable(ctx, can)
	default:
		p.onUnreachable(ctx, err)
	}
}

// onReachable draws the consequences of an answer. Until the streams of a gateway that
// was away are known, what waits for all of them does so.
func (p *probe) onReachable(ctx context.Context, can capabilities) {
	news := p.trunk.connect(can)
	if news || can != p.can {
		p.log.InfoContext(ctx, "gateway is reachable", slog.Bool("broadcast", can.Broadcast),
			slog.Bool("event_id", can.EventID), slog.Bool("connections", can.Connections))
		p.warnOfSilence(ctx, can)
	}
	p.can, p.away, p.why = can, false, nil
	if news {
		p.unmatched = maxMatches
	}
	if p.unmatched == 0 {
		return
	}
	if p.unmatched--; !errors.Is(p.match(ctx), gateway.ErrUnreachable) || p.unmatched == 0 {
		p.unmatched = 0
		p.trunk.adopted()
	}
}

// warnOfSilence says that streams may outlive what is known of them.
func (p *probe) warnOfSilence(ctx context.Context, can capabilities) {
	if p.forgets && !can.Connections && p.ready {
		p.log.WarnContext(ctx, "gateway cannot list its streams, and the memory broker forgets them: after a crash of this service they stay open and silent; set DATA_DIR")
	}
}

// onUnreachable logs that there was no answer, once.
func (p *probe) onUnreachable(ctx context.Context, err error) {
	if p.trunk.link.isUp() || isOpen(err) {
		return // so far it may be a hiccup; or it was not asked
	}
	p.trunk.disconnect()
	refused := errors.Is(err, errSecret)
	if p.away && refused == errors.Is(p.why, errSecret) {
		return
	}
	p.away, p.why = true, err
	level := slog.LevelWarn
	if refused {
		level = slog.LevelError
	}
	p.log.LogAttrs(ctx, level, "gateway is not reachable, events wait", slog.Any("error", err))
}
