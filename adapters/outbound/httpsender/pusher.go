package httpsender

import (
	"context"
	"errors"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// meter counts and times what is sent (rules M1, M2).
type meter struct{ metrics gateway.Metrics }

// count counts m for connections, unless it was counted when it had to wait.
func (r meter) count(m *message, ok, failed int) {
	if !m.ev.Control() && !m.late {
		r.metrics.Sent(m.ev.Service, ok, failed)
	}
}

func (r meter) took(m *message, began time.Time) {
	if !m.ev.Control() {
		r.metrics.Took(m.ev.Service, time.Since(began))
	}
}

// pusher pushes single events. It is safe for concurrent use.
type pusher struct {
	client  *client
	circuit *circuit
	meter   meter
}

// push pushes one event and measures it. Errors: as client.push, errNotSent while the
// gateway is known not to answer.
func (p *pusher) push(ctx context.Context, token connection.Token, m *message, ids bool) error {
	began := time.Now()
	err := p.circuit.call(func() error { return p.client.push(ctx, m.push(token, ids), m.replay) })
	if errors.Is(err, errNotSent) {
		return err
	}
	p.meter.took(m, began)
	if err != nil {
		p.meter.count(m, 0, 1)
	} else {
		p.meter.count(m, 1, 0)
	}
	return err
}
