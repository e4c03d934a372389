package httpsender

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
	"heliograph/domain/gateway"
)

// poster posts what goes to all streams, in order.
type poster struct {
	pipeline *pipeline
	trunk    *trunk
	circuit  *circuit
	meter    meter
	roster   connection.Roster
	mismatch *atomic.Bool // set if the gateway and the roster may not agree
	losses   *lossLog
	fates    *fateBook
	log      *slog.Logger
}

// run posts until ctx ends or the trunk is stopped.
func (p *poster) run(ctx context.Context) {
	defer p.pipeline.close()
	for {
		b := p.trunk.nextBatch()
		if b == nil || ctx.Err() != nil {
			return
		}
		p.post(ctx, b)
	}
}

// post posts events to all streams and measures it (rules M1, M2).
func (p *poster) post(ctx context.Context, b *batch) {
	bodies, of := b.requests()
	of = append(of, len(b.messages))
	if len(bodies) == 0 {
		b.settle(len(b.messages))
		return
	}
	began, answers := time.Now(), 0
	var err error
	alive := p.circuit.call(func() error {
		err = p.pipeline.post(ctx, bodies, func(answer *http.Response) error {
			m := b.messages[of[answers]]
			d, err := readDelivery(answer, len(m.tokens))
			if err == nil {
				p.meter.took(m, began)
				p.fates.noteAll(m, diagnosis.Written, "")
				p.delivered(ctx, b, m, d)
				answers++
			}
			return err
		})
		if answers > 0 {
			return nil // whatever came after that, the gateway is there
		}
		return err
	})
	taken := of[answers]
	b.settle(taken)
	if taken < len(b.messages) {
		p.settle(ctx, b, b.messages[taken], began, cmp.Or(alive, err))
	}
}

// settle draws the consequences of an error at the first event m that is left. What the
// gateway may not have taken is repeated, as long as the gateway can tell by the ID that
// it has.
func (p *poster) settle(ctx context.Context, b *batch, m *message, began time.Time, err error) {
	switch {
	case errors.Is(err, errNoBroadcast):
		p.log.InfoContext(ctx, "gateway takes no broadcasts any more")
		b.broadcastUnsupported()
		p.circuit.wake()
	case errors.Is(err, errNotSent):
		b.repeat(false)
	case errors.Is(err, gateway.ErrUnreachable) && b.ids && !m.id.IsZero():
		b.repeat(true)
	default:
		p.meter.took(m, began)
		p.meter.count(m, 0, connections(p.roster, m))
		p.fates.noteAll(m, diagnosis.Failed, whyFailed(err))
		if p.losses.take() {
			p.log.WarnContext(ctx, "event for all connections, or several, was lost", slog.String("event", m.ev.Name), slog.Any("error", err))
		}
		b.lose()
	}
}

// delivered counts an event, and has the streams compared if one for all reached another
// number of them than the roster has. A number that makes no sense is an error.
func (p *poster) delivered(ctx context.Context, b *batch, m *message, d delivery) {
	n := connections(p.roster, m)
	if !d.known || m.named() && d.streams > n {
		p.meter.count(m, 0, n)
		if p.losses.take() {
			p.log.WarnContext(ctx, "gateway's answer to a broadcast makes no sense", slog.String("event", m.ev.Name))
		}
		return
	}
	if m.named() {
		p.meter.count(m, d.streams, n-d.streams)
		p.missing(b, m, d)
		return
	}
	p.meter.count(m, d.streams, 0)
	if d.streams != n {
		p.mismatch.Store(true)
	}
}

// missing draws the consequences for the streams that did not get m, which was for some.
// Those that the gateway does not know are asked for once more, and then gone (rule E5).
// If none got it the others have lost it (rule E6); of some it is not known which.
func (p *poster) missing(b *batch, m *message, d delivery) {
	if d.streams == len(m.tokens) {
		return
	}
	unknown := make(map[connection.Token]struct{}, len(d.unknown))
	for _, token := range d.unknown {
		unknown[token] = struct{}{}
	}
	lost := *m
	lost.tokens = nil
	for _, token := range m.tokens {
		if _, gone := unknown[token]; gone {
			p.trunk.lanes.send(newQuestion(token))
		} else {
			lost.tokens = append(lost.tokens, token)
		}
	}
	if d.streams == 0 && len(lost.tokens) > 0 {
		b.noteGap(&lost)
	}
}
