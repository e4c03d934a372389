package bootstrap

import (
	"context"
	"errors"
	"net/http"

	"go.uber.org/fx"
)

// Within is within, for tests.
var Within = within

// Loops is loops, for tests.
type Loops struct{ *loops }

// NewLoops is newLoops.
func NewLoops(failed chan<- error) Loops { return Loops{newLoops(failed)} }

// Run is run.
func (l Loops) Run(name string, serve func(context.Context) error) { l.run(name, serve) }

// Stop is stop.
func (l Loops) Stop(ctx context.Context) error { return l.stop(ctx) }

// GatewayFails has the gateway fail with err while it should serve.
func GatewayFails(err error) fx.Option {
	return fx.Decorate(func(g gatewayEnd) gatewayEnd {
		g.serve = func(context.Context) error { return err }
		return g
	})
}

// BeforeDrain has f called when the tasks have ended and before the streams are
// sent away.
func BeforeDrain(f func()) fx.Option {
	return fx.Decorate(func(g gatewayEnd) gatewayEnd {
		drain := g.drain
		g.drain = func(ctx context.Context) error {
			f()
			return drain(ctx)
		}
		return g
	})
}

// Trimmer is trimmer.
type Trimmer struct{ trimmer }

// Due is due.
func (t *Trimmer) Due(allocated, live uint64) bool { return t.due(allocated, live) }

// ReadsLogUntil has the start read the log back for as long as read takes.
func ReadsLogUntil(read func(context.Context) error) fx.Option {
	return fx.Decorate(func(b brokerEnd) brokerEnd {
		flush := b.flush
		first := true
		b.flush = func(ctx context.Context) error {
			if !first {
				return flush(ctx)
			}
			first = false
			return errors.Join(read(ctx), flush(ctx))
		}
		return b
	})
}

// NewStarting is newStarting.
func NewStarting() http.Handler { return newStarting() }
