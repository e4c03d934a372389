package bootstrap

import (
	"context"
	"errors"
	"fmt"
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
	tasks  *taskFile       // nil in another role
}

// overtime is for a shutdown whose grace has ended: what is left is cut short then,
// in order, and that is no failure.
const overtime = 10 * time.Second

// New wires the service. With a durable broker it claims the address, answers there
// that it is starting, and opens the broker, which may take long and ends with ctx:
// call Run, or Close. Otherwise it starts nothing. Errors: whatever an adapter's
// constructor does not accept; ErrStartEnded when ctx has ended. Tests look into the graph, or put something in its
// place, with more.
func New(ctx context.Context, cfg Config, log *slog.Logger, more ...fx.Option) (*App, error) {
	cfg.warnOfAccess(ctx, log)
	failed := make(chan error, 1)
	app := &App{opened: &opened{}, failed: failed}
	front := newFront(cfg, failed, log)
	app.opened.closers = append(app.opened.closers, front.abort)
	app.addr = front.server.Addr
	if cfg.Broker.Durable() {
		if err := front.open(ctx); err != nil {
			return nil, errors.Join(err, app.Close())
		}
	}
	inOrder := func(lc fx.Lifecycle, p parts) {
		life := newLifecycle(p, failed)
		// Not fx's contexts: the one for the start would end it without waiting for it.
		lc.Append(fx.StartStopHook(func() error { return life.start(ctx) }, func() { life.stopInTime(ctx) }))
	}
	app.fx = fx.New(Graph(cfg, log), fx.Replace(app.opened, front, startContext(func() context.Context { return ctx })),
		fx.StopTimeout(cfg.ShutdownGrace+overtime), fx.Options(more...), fx.Populate(&app.tasks), fx.Invoke(inOrder))
	if err := app.fx.Err(); err != nil {
		err = errors.Join(cause(err), app.Close())
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ErrStartEnded, err)
		}
		return nil, err
	}
	return app, nil
}

// ReloadTasksFile reads TASKS_FILE again: from then on tasks are started as it says. If there
// is a mistake in it, that is logged and nothing changes. It may be called at any time, and
// does nothing in another role.
func (a *App) ReloadTasksFile(ctx context.Context) {
	if a.tasks != nil {
		a.tasks.reload(ctx)
	}
}

// cause is what a constructor said, without the way to it through the graph, which
// says nothing to an operator. A mistake in the graph itself is shown whole: which
// constructor misses which type.
func cause(err error) error {
	root := dig.RootCause(err)
	if _, ofGraph := errors.AsType[dig.Error](root); ofGraph {
		return err
	}
	return root
}

// DotGraph returns the graph as Graphviz draws it. It makes none of its objects.
func DotGraph(cfg Config, log *slog.Logger) (string, error) {
	var graph fx.DotGraph
	err := fx.New(Graph(cfg, log), fx.Populate(&graph)).Err()
	return string(graph), err
}

// Graph is everything that the service is made of, each port with the adapter
// that cfg chooses. cfg must be one that Load returned.
func Graph(cfg Config, log *slog.Logger) fx.Option {
	return fx.Options(
		fx.Supply(cfg, log, &opened{}, startContext(context.Background)),
		fx.WithLogger(newFxLogger),
		metricsModule(),
		brokerModule(cfg),
		accessModule(cfg),
		gatewayModule(cfg),
		sourceModule(cfg),
		connectionsModule(),
		tasksModule(),
		outputsModule(),
		versionsModule(),
		eventsModule(cfg),
		operatorsModule(),
		httpModule(),
		provideComponents(processComponents),
	)
}

// Run starts everything, calls started with the address that it listens on,
// and serves until ctx ends or a part of it fails. Then it stops it, which takes
// little more than the shutdown grace at most. A start takes as long as it takes, and
// is broken off in order when the context of New ends. It may be called once.
func (a *App) Run(ctx context.Context, started func(net.Addr)) error {
	detached := context.WithoutCancel(ctx)
	if err := a.fx.Start(detached); err != nil {
		if errors.Is(err, ErrStartEnded) {
			err = nil
		}
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
