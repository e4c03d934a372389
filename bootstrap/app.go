package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"go.uber.org/fx"
)

// App is the service, ready to run.
type App struct {
	fx   *fx.App
	life *lifecycle
}

// New wires the service. It starts nothing. Errors: whatever an adapter's
// constructor does not accept. Tests look into the graph, or put something in
// its place, with more.
func New(cfg Config, log *slog.Logger, more ...fx.Option) (*App, error) {
	app := &App{}
	inOrder := func(lc fx.Lifecycle, p parts) {
		app.life = newLifecycle(p)
		lc.Append(fx.StartStopHook(app.life.start, app.life.stop))
	}
	app.fx = fx.New(Graph(cfg, log), fx.StopTimeout(cfg.ShutdownGrace), fx.Options(more...), fx.Invoke(inOrder))
	if err := app.fx.Err(); err != nil {
		return nil, fmt.Errorf("wire the service: %w", err)
	}
	return app, nil
}

// Graph is everything that the service is made of, each port with the adapter
// that cfg chooses. cfg must be one that Load returned.
func Graph(cfg Config, log *slog.Logger) fx.Option {
	start := newStart()
	return fx.Options(
		fx.Supply(cfg, log),
		fx.WithLogger(newFxLogger),
		metricsModule(),
		brokerModule(cfg, start),
		gatewayModule(cfg, start),
		sourceModule(cfg),
		connectionsModule(),
		tasksModule(),
		versionsModule(),
		httpModule(),
	)
}

// Run starts the service, calls started with the address that it listens on,
// and serves until ctx ends or a part of it fails. Then it stops it, which takes
// the shutdown grace at most. It may be called once.
func (a *App) Run(ctx context.Context, started func(net.Addr)) error {
	// A start that has begun is finished even if ctx ends meanwhile: what runs
	// can then be stopped in order.
	detached := context.WithoutCancel(ctx)
	starting, cancel := context.WithTimeout(detached, a.fx.StartTimeout())
	defer cancel()
	if err := a.fx.Start(starting); err != nil {
		return err
	}
	started(a.life.Server.addr())

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-a.life.failed:
	}
	stopping, cancel := context.WithTimeout(detached, a.fx.StopTimeout())
	defer cancel()
	return errors.Join(failure, a.fx.Stop(stopping))
}
