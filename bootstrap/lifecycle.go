package bootstrap

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.uber.org/fx"

	"heliograph/application/connections"
	"heliograph/application/pings"
	"heliograph/application/tasks"
	"heliograph/application/versions"
)

// parts is what has to be started and stopped.
type parts struct {
	fx.In

	Broker      brokerEnd
	Gateway     gatewayEnd
	Connections *connections.Manager
	Tasks       *tasks.Service
	Versions    *versions.Service
	Pings       *pings.Service
	Front       *front
	Handler     http.Handler
	Config      Config
	Readiness   *readiness
	Log         *slog.Logger
}

// lifecycle is the order of things (rules T15, G8). One list for the start and
// one for the stop, because the second is not the first in reverse: the
// listener, which opens last, has to be there until the streams are closed.
type lifecycle struct {
	parts

	sources  *loops // make events: stopped before the streams are
	carriers *loops // carry events to the streams: stopped after them
}

// newLifecycle returns the order of the parts. failed gets the first failure of one
// that should have served on.
func newLifecycle(p parts, failed chan<- error) *lifecycle {
	return &lifecycle{parts: p, sources: newLoops(failed), carriers: p.Front.carriers}
}

// start returns when all is served. Errors: ErrStartEnded, when ctx has ended.
func (l *lifecycle) start(ctx context.Context) error {
	// First the claim on the address. Requests wait until the end of the list.
	if err := l.Front.open(ctx); err != nil {
		return err
	}
	if err := l.startParts(ctx); err != nil {
		l.stopInTime(ctx)
		if ctx.Err() != nil {
			return ErrStartEnded
		}
		return err
	}
	l.Front.sockets.Store(&l.Gateway.sockets)
	l.Front.starting.end(l.Handler)
	l.Log.InfoContext(ctx, "listening", slog.String("addr", l.Front.server.Addr().String()))
	return nil
}

func (l *lifecycle) startParts(ctx context.Context) error {
	l.Front.starting.waitsFor("the other nodes to know of it")
	if err := l.Broker.join(ctx); err != nil {
		return err
	}
	// Streams that an external gateway holds already are recovered as soon as it is
	// reached. The version is sent first when it is known at once; its look-up may take
	// seconds, and tasks do not wait for that (rule C7).
	version, laterVersion := l.Versions.Observers()
	l.Connections.Observe("versions at once", version)
	l.Connections.Observe("tasks", l.Tasks)
	l.Connections.Observe("versions", laterVersion)
	l.carriers.run("gateway", l.Gateway.serve)
	if err := l.startBroker(ctx); err != nil {
		return err
	}
	l.Front.starting.waitsFor("the tasks to be read")
	if err := l.Tasks.StartWorkers(ctx); err != nil {
		return fmt.Errorf("start tasks: %w", err)
	}
	l.sources.run("heirs", l.Broker.inherit)
	l.Versions.Start(ctx) // before the first stream, which would get its version twice
	l.sources.run("versions", l.Versions.Serve)
	l.sources.run("pings", l.Pings.Serve)
	l.carriers.run("memory trimmer", new(trimmer).serve)
	return nil
}

// startBroker returns when this process has all that the broker held.
func (l *lifecycle) startBroker(ctx context.Context) error {
	for name, loop := range l.Broker.loops {
		l.carriers.run(name, loop)
	}
	l.Front.starting.waitsForWhat(func() string { return "the log to be read: " + l.Broker.progress() })
	return l.Broker.flush(ctx)
}

// stopInTime is stop within the shutdown's grace, whether ctx has ended or not.
func (l *lifecycle) stopInTime(ctx context.Context) {
	graceful, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Config.ShutdownGrace)
	defer cancel()
	l.stop(graceful)
}

// stop does everything in turn, whatever fails: what is left over is closed
// more rudely by the steps after it. That is logged and no failure of the
// service, which has stopped in order. ctx ends with the shutdown's grace.
func (l *lifecycle) stop(ctx context.Context) {
	begin := time.Now()
	l.Log.InfoContext(ctx, "shutting down")
	l.Readiness.fail()
	l.Front.server.Drain()
	l.Versions.Drain()
	l.Connections.Drain()
	l.step(ctx, "end tasks", l.Tasks.Stop) // and their last events reach the streams
	l.step(ctx, "end sources", within(l.sources.stop))
	l.step(ctx, "hand over events", within(l.Broker.flush))
	l.step(ctx, "drain streams", within(l.Gateway.drain)) // rule G8
	if place, ok := l.Gateway.place(); ok {
		l.step(ctx, "note place in the log", func(ctx context.Context) error { return l.Broker.left(ctx, place) })
	}
	l.step(ctx, "close listener", within(l.Front.server.Shutdown))
	l.step(ctx, "close broker", l.Broker.close)
	l.step(ctx, "end observers", l.Connections.Stop)
	l.sources.await()
	l.carriers.await()
	l.leave(ctx)
	l.Log.InfoContext(ctx, "stopped", slog.Duration("took", time.Since(begin)))
}

// leaveTime is for the word that this node is gone. It is always there, for without
// that word the others wait for the node's lease to end.
const leaveTime = 3 * time.Second

func (l *lifecycle) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	l.step(ctx, "leave cluster", l.Broker.leave)
}

func (l *lifecycle) step(ctx context.Context, name string, stop func(context.Context) error) {
	logStep(ctx, l.Log, name, stop)
}

func logStep(ctx context.Context, log *slog.Logger, name string, stop func(context.Context) error) {
	begin := time.Now()
	err := stop(ctx)
	took := slog.Duration("took", time.Since(begin))
	if err != nil {
		log.WarnContext(ctx, "shutdown step was not finished in time", slog.String("step", name), took, slog.Any("error", err))
		return
	}
	log.DebugContext(ctx, "shutdown step ended", slog.String("step", name), took)
}

// within gives stop half of the time that is left, so that one that hangs
// leaves some for those after it.
func within(stop func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		deadline, ok := ctx.Deadline()
		if !ok {
			return stop(ctx)
		}
		half, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
		return stop(half)
	}
}
