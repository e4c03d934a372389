package httpsender

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"heliograph/domain/gateway"
)

// carry posts what goes to all streams, in order.
func (s *Sender) carry(ctx context.Context) {
	toAll := newPipeline(s.cfg, s.client.toAll)
	defer toAll.close()
	for {
		batch, ids := s.outbox.nextPost()
		if batch == nil || ctx.Err() != nil {
			return
		}
		s.post(ctx, toAll, batch, ids)
	}
}

// post posts events to all streams and measures it (rules M1, M2). What the
// gateway may not have taken is repeated, as long as the gateway can tell by the
// ID that it has.
func (s *Sender) post(ctx context.Context, toAll *pipeline, batch []*message, ids bool) {
	bodies := make([][]byte, len(batch))
	for i, m := range batch {
		bodies[i] = m.broadcast(ids)
	}
	began, taken := time.Now(), 0
	var err error
	alive := s.through(func() error {
		err = toAll.post(ctx, bodies, func(answer *http.Response) error {
			delivered, known, err := deliveries(answer)
			if err == nil {
				s.took(batch[taken], began)
				s.delivered(ctx, batch[taken], delivered, known)
				taken++
			}
			return err
		})
		if taken > 0 {
			return nil // whatever came after that, the gateway is there
		}
		return err
	})
	s.outbox.settle(taken)
	if taken == len(batch) {
		return
	}
	err = cmp.Or(alive, err)
	m := batch[taken]
	switch {
	case errors.Is(err, errNoBroadcast):
		s.log.InfoContext(ctx, "gateway takes no broadcasts any more")
		s.outbox.exchanged()
		s.tell()
	case errors.Is(err, errNotSent):
		s.outbox.repeat(false)
	case errors.Is(err, gateway.ErrUnreachable) && ids && !m.id.IsZero():
		s.outbox.repeat(true)
	default:
		s.took(m, began)
		s.count(m, 0, s.roster.Count())
		if s.losses.take() {
			s.log.WarnContext(ctx, "event for all connections was lost", slog.String("event", m.ev.Name), slog.Any("error", err))
		}
		s.outbox.giveUp()
	}
}

// delivered counts an event, and doubts the roster if it reached another number
// of streams. A number that makes no sense is an error.
func (s *Sender) delivered(ctx context.Context, m *message, streams int, known bool) {
	if !known {
		s.count(m, 0, s.roster.Count())
		if s.losses.take() {
			s.log.WarnContext(ctx, "gateway's answer to a broadcast makes no sense", slog.String("event", m.ev.Name))
		}
		return
	}
	s.count(m, streams, 0)
	if streams != s.roster.Count() {
		s.doubt.Store(true)
	}
}

func (s *Sender) took(m *message, began time.Time) {
	if !m.ev.Control() {
		s.metrics.Took(m.ev.Service, time.Since(began))
	}
}
