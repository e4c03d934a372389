package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"go.uber.org/dig"
	"go.uber.org/fx"
)

// App is the service, or another role of this program, ready to run.
type App struct {
	fx     *fx.App
	opened *opened
	addr   func() net.Addr // once it is started
	failed <-chan error    // gets the first failure of a part that should have served on
}

// overtime is for a shutdown whose grace has ended: what is left is cut short then,
// in order, and that is no failure.
const overtime = 10 * time.Second

// New wires the service. It starts nothing but opens the broker, if that is a
// durable one: call Run, or Close. Errors: whatever an adapter's constructor does
// not accept. Tests look into the graph, or put something in its place, with more.
func New(cfg Config, log *slog.Logger, more ...fx.Option) (*App, error) {
	app := &App{opened: &opened{}}
	inOrder := func(lc fx.Lifecycle, p parts) {
		life := newLifecycle(p)
		app.addr, app.failed = p.Server.Addr, life.failed
		lc.Append(fx.StartStopHook(life.start, func(ctx context.Context) {
			graceful, cancel := context.WithTimeout(ctx, cfg.ShutdownGrace)
			defer cancel()
			life.stop(graceful)
		}))
	}
	app.fx = fx.New(Graph(cfg, log), fx.Replace(app.opened), fx.StopTimeout(cfg.ShutdownGrace+overtime), fx.Options(more...), fx.Invoke(inOrder))
	if err := app.fx.Err(); err != nil {
		return nil, errors.Join(cause(err), app.Close())
	}
	return app, nil
}

// cause is what a constructor said, without the way to it through the graph, which
// says nothing to an operator. A mistake in the graph itself is shown as it is.
func cause(err error) error { return dig.RootCause(err) }

// Graph is everything that the service is made of, each port with the adapter
// that cfg chooses. cfg must be one that Load returned.
func Graph(cfg Config, log *slog.Logger) fx.Option {
	return fx.Options(
		fx.Supply(cfg, log, &opened{}),
		fx.WithLogger(newFxLogger),
		metricsModule(),
		brokerModule(cfg),
		gatewayModule(cfg),
		sourceModule(cfg),
		connectionsModule(),
		tasksModule(),
		versionsModule(),
		httpModule(),
	)
}

// Run starts everything, calls started with the address that it listens on,
// and serves until ctx ends or a part of it fails. Then it stops it, which takes
// little more than the shutdown grace at most. It may be called once.
func (a *App) Run(ctx context.Context, started func(net.Addr)) error {
	// A start that has begun is finished even if ctx ends meanwhile: what runs
	// can then be stopped in order.
	detached := context.WithoutCancel(ctx)
	starting, cancel := context.WithTimeout(detached, a.fx.StartTimeout())
	defer cancel()
	if err := a.fx.Start(starting); err != nil {
		return errors.Join(err, a.Close())
	}
	started(a.addr())

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-a.failed:
	}
	stopping, cancel := context.WithTimeout(detached, a.fx.StopTimeout())
	defer cancel()
	return errors.Join(failure, a.fx.Stop(stopping), a.Close())
}

// Close closes what New has opened, the last first. Run does so at its end; it is
// for an App that is never run. It may be called twice.
func (a *App) Close() error {
	var errs []error
	for _, closer := range slices.Backward(a.opened.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}
