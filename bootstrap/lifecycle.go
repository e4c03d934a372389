package bootstrap

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"go.uber.org/fx"
)

// parts is what has to be started and stopped.
type parts struct {
	fx.In

	Components []component `group:"components"`
	Front      *front
	Handler    http.Handler
	Sockets    socketCount
	Config     Config
	Readiness  *readiness
	Log        *slog.Logger
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
	p.Components = inOrder(p.Components)
	return &lifecycle{parts: p, sources: newLoops(failed), carriers: p.Front.carriers}
}

// start returns when all is served. Errors: ErrStartEnded, when ctx has ended.
func (l *lifecycle) start(ctx context.Context) error {
	// First the claim on the address. Requests wait until the end of the list.
	if err := l.Front.open(ctx); err != nil {
		return err
	}
	for _, turn := range []struct {
		phase phase
		loops *loops
	}{
		{phaseCluster, l.carriers},
		{phaseConnections, l.carriers},
		{phaseGateway, l.carriers}, // streams that an external one holds already are recovered as soon as it is reached
		{phaseBroker, l.carriers},
		{phaseLog, l.carriers}, // returns when this process has all that the broker held
		{phaseTasks, l.carriers},
		{phaseTakeover, l.sources},
		{phaseSources, l.sources},
		{phaseProcess, l.carriers},
	} {
		if err := l.begin(ctx, turn.phase, turn.loops); err != nil {
			l.stopInTime(ctx)
			if ctx.Err() != nil {
				return ErrStartEnded
			}
			return err
		}
	}
	l.carriers.run("readiness", l.Readiness.watch)
	l.Front.serve(l.Handler, l.Sockets)
	l.Log.InfoContext(ctx, "listening", slog.String("addr", l.Front.server.Addr().String()))
	return nil
}

// begin starts the components of a phase, and has them serve.
func (l *lifecycle) begin(ctx context.Context, p phase, in *loops) error {
	for c := range inPhase(l.Components, p) {
		if c.Start != nil {
			if err := c.Start(ctx); err != nil {
				return err
			}
		}
	}
	for c := range inPhase(l.Components, p) {
		if c.Serve != nil {
			in.run(c.Name, c.Serve)
		}
	}
	return nil
}

// stopInTime is stop within the shutdown's grace, whether ctx has ended or not.
func (l *lifecycle) stopInTime(ctx context.Context) {
	graceful, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Config.ShutdownGrace)
	defer cancel()
	l.stop(graceful)
}

// stop does everything in turn, whatever fails: what is left over is closed
// forcibly by the steps after it. That is logged and no failure of the
// service, which has stopped in order. ctx ends with the shutdown's grace.
func (l *lifecycle) stop(ctx context.Context) {
	begin := time.Now()
	l.Log.InfoContext(ctx, "shutting down")
	l.Readiness.fail()
	l.Front.server.Drain()
	for _, c := range slices.Backward(l.Components) {
		if c.Drain != nil {
			c.Drain()
		}
	}
	l.end(ctx, phaseTasks) // and their last events reach the streams
	l.step(ctx, "sources", within(l.sources.stop))
	l.end(ctx, phaseLog)     // all that was published is handed over
	l.end(ctx, phaseGateway) // rule G8
	l.end(ctx, phaseResumePoint)
	l.step(ctx, "listener", within(l.Front.server.Shutdown))
	l.end(ctx, phaseBroker) // takes no event any more
	l.end(ctx, phaseConnections)
	l.sources.await()
	l.carriers.await()
	l.end(ctx, phaseCluster)
	l.Log.InfoContext(ctx, "stopped", slog.Duration("took", time.Since(begin)))
}

// end stops the components of a phase.
func (l *lifecycle) end(ctx context.Context, p phase) {
	for c := range inPhase(l.Components, p) {
		if c.Stop != nil {
			l.step(ctx, c.Name, c.Stop)
		}
	}
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
