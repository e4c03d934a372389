package bootstrap

import (
	"context"
	"errors"
	"net/http"
	"slices"

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

// change changes the component of that name and phase.
func change(name string, p phase, f func(*component)) fx.Option {
	return fx.Decorate(fx.Annotate(func(all []component) []component {
		all = slices.Clone(all)
		for i := range all {
			if all[i].Name == name && all[i].Phase == p {
				f(&all[i])
			}
		}
		return all
	}, fx.ParamTags(components), fx.ResultTags(components)))
}

// GatewayFails has the gateway fail with err while it should serve.
func GatewayFails(err error) fx.Option {
	return change("gateway", phaseGateway, func(c *component) { c.Serve = func(context.Context) error { return err } })
}

// BeforeDrain has f called when the tasks have ended and before the streams are
// sent away.
func BeforeDrain(f func()) fx.Option {
	return change("gateway", phaseGateway, func(c *component) {
		drain := c.Stop
		c.Stop = func(ctx context.Context) error {
			f()
			return drain(ctx)
		}
	})
}

// Trimmer is trimmer.
type Trimmer struct{ trimmer }

// Due is due.
func (t *Trimmer) Due(allocated, live uint64) bool { return t.due(allocated, live) }

// ReadsLogUntil has the start read the log back for as long as read takes.
func ReadsLogUntil(read func(context.Context) error) fx.Option {
	return change("events", phaseLog, func(c *component) {
		start := c.Start // which says what it waits for
		c.Start = func(ctx context.Context) error { return errors.Join(start(ctx), read(ctx)) }
	})
}

// NewStarting is newStarting.
func NewStarting() http.Handler { return newStarting() }
