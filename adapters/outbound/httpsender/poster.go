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
	log      *slog.Logger
}

// run posts until ctx ends or the trunk is stopped.
func (p *poster) run(ctx context.Context) {
	defer p.pipeline.close()
	for {
		batch := p.trunk.nextPost()
		if batch == nil || ctx.Err() != nil {
			return
		}
		p.post(ctx, batch)
	}
}

// post posts events to all streams and measures it (rules M1, M2).
func (p *poster) post(ctx context.Context, batch *post) {
	bodies := make([][]byte, len(batch.messages))
	for i, m := range batch.messages {
		bodies[i] = m.broadcast(batch.ids)
	}
	began, taken := time.Now(), 0
	var err error
	alive := p.circuit.call(func() error {
		err = p.pipeline.post(ctx, bodies, func(answer *http.Response) error {
			delivered, known, err := deliveries(answer)
			if err == nil {
				p.meter.took(batch.messages[taken], began)
				p.delivered(ctx, batch.messages[taken], delivered, known)
				taken++
			}
			return err
		})
		if taken > 0 {
			return nil // whatever came after that, the gateway is there
		}
		return err
	})
	batch.settle(taken)
	if taken < len(batch.messages) {
		p.settle(ctx, batch, batch.messages[taken], began, cmp.Or(alive, err))
	}
}

// settle draws the consequences of an error at the first event m that is left. What the
// gateway may not have taken is repeated, as long as the gateway can tell by the ID that
// it has.
func (p *poster) settle(ctx context.Context, batch *post, m *message, began time.Time, err error) {
	switch {
	case errors.Is(err, errNoBroadcast):
		p.log.InfoContext(ctx, "gateway takes no broadcasts any more")
		batch.broadcastUnsupported()
		p.circuit.wake()
	case errors.Is(err, errNotSent):
		batch.repeat(false)
	case errors.Is(err, gateway.ErrUnreachable) && batch.ids && !m.id.IsZero():
		batch.repeat(true)
	default:
		p.meter.took(m, began)
		p.meter.count(m, 0, p.roster.Count())
		if p.losses.take() {
			p.log.WarnContext(ctx, "event for all connections was lost", slog.String("event", m.ev.Name), slog.Any("error", err))
		}
		batch.lose()
	}
}

// delivered counts an event, and has the streams compared if it reached another number
// of them than the roster has. A number that makes no sense is an error.
func (p *poster) delivered(ctx context.Context, m *message, streams int, known bool) {
	if !known {
		p.meter.count(m, 0, p.roster.Count())
		if p.losses.take() {
			p.log.WarnContext(ctx, "gateway's answer to a broadcast makes no sense", slog.String("event", m.ev.Name))
		}
		return
	}
	p.meter.count(m, streams, 0)
	if streams != p.roster.Count() {
		p.mismatch.Store(true)
	}
}
