package bootstrap

import (
	"context"
	"log/slog"
	"time"

	"go.uber.org/fx"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/inbound/gatewayrole"
	"heliograph/application/relay"
)

// roleParts is what of the gateway role has to be started and stopped.
type roleParts struct {
	fx.In

	Engine  *sse.Engine
	Role    *gatewayrole.Gateway
	Relay   *relay.Relay
	Servers roleServers
	Log     *slog.Logger
}

// roleLifecycle is the order of start and stop for the gateway role (rule G8).
type roleLifecycle struct {
	roleParts

	engine *loops // stopped before the last disconnect callbacks are made
	rest   *loops
	failed chan error
}

func newRoleLifecycle(p roleParts) *roleLifecycle {
	failed := make(chan error, 1)
	return &roleLifecycle{roleParts: p, engine: newLoops(failed), rest: newLoops(failed), failed: failed}
}

func (l *roleLifecycle) start(ctx context.Context) error {
	for i, s := range l.Servers.all() {
		if err := s.Listen(ctx); err != nil {
			for _, claimed := range l.Servers.all()[:i] {
				_ = claimed.Shutdown(ctx) // nothing was served yet
			}
			return err
		}
	}
	l.engine.run("streams", l.Engine.Serve)
	l.rest.run("memory trimmer", new(trimmer).serve)
	for _, s := range l.Servers.all() {
		l.rest.run("http server", s.Serve)
		l.Log.InfoContext(ctx, "listening", slog.String("for", s.Variable()), slog.String("addr", s.Addr().String()))
	}
	return nil
}

// stop does everything in turn, whatever fails, as lifecycle.stop does.
func (l *roleLifecycle) stop(ctx context.Context) {
	begin := time.Now()
	l.Log.InfoContext(ctx, "shutting down")
	l.Role.Drain() // not ready
	for _, s := range l.Servers.all() {
		s.Drain()
	}
	l.step(ctx, "drain streams", within(l.Engine.Drain))
	for _, s := range l.Servers.all() {
		l.step(ctx, "close listener", within(s.Shutdown))
	}
	l.engine.await() // now the relay has the end of every stream
	l.step(ctx, "report ended streams", l.Relay.Close)
	l.rest.await()
	l.Log.InfoContext(ctx, "stopped", slog.Duration("took", time.Since(begin)))
}

func (l *roleLifecycle) step(ctx context.Context, name string, stop func(context.Context) error) {
	logStep(ctx, l.Log, name, stop)
}
