//go:build linux

package bench

import (
	"context"
	"errors"
	"time"

	"heliograph/test/bench/load"
)

// rig is one server and one generator, for one measurement.
type rig struct {
	*server
	*generator

	options Options
	round   Round
}

// Measure starts s, takes one round of figures with so many connections, and
// stops it. The programs of this package are in bin.
func Measure(ctx context.Context, s *Subject, size int, o Options, bin string) (Round, error) {
	return withRig(ctx, s, o, bin, false, func(g *rig) error { return g.measure(ctx, size) })
}

// Recover likewise takes the figures of clients that come back.
func Recover(ctx context.Context, s *Subject, size int, o Options, bin string) (Round, error) {
	return withRig(ctx, s, o, bin, true, func(g *rig) error {
		if err := errors.Join(g.comeBack(size), g.replay()); err != nil || !s.Greets {
			return err
		}
		return g.storm(ctx, size)
	})
}

// tooLong is how long a round may take beside its traffic; then its processes
// are killed.
const tooLong = 3 * time.Minute

func withRig(ctx context.Context, s *Subject, o Options, bin string, history bool, f func(*rig) error) (Round, error) {
	ctx, cancel := context.WithTimeout(ctx, tooLong+o.Pipelined+o.Paced)
	defer cancel()
	v, err := startServer(ctx, s, history)
	if err != nil {
		return Round{}, err
	}
	g, err := startGenerator(ctx, bin)
	if err != nil {
		return Round{}, errors.Join(err, v.stop())
	}
	r := &rig{server: v, generator: g, options: o, round: newRound()}
	err = f(r)
	return r.round, errors.Join(err, g.stop(), v.stop())
}

func (g *rig) measure(ctx context.Context, size int) error {
	if err := g.fill(); err != nil {
		return err
	}
	if err := g.warmUp(); err != nil {
		return err
	}
	before, err := g.settled(ctx)
	if err != nil {
		return err
	}
	connected, err := g.connect(g.streams(size, parallel))
	if err != nil {
		return err
	}
	g.round.connected(connected, size)
	if err := g.memory(ctx, IdleBytes, before, size); err != nil || g.subject.Publish == nil {
		return err
	}
	if err := g.greeted(); err != nil {
		return err
	}
	if err := g.pipelined(); err != nil {
		return err
	}
	if !g.subject.Pushes {
		if err := g.paced(); err != nil {
			return err
		}
	}
	return g.memory(ctx, UsedBytes, before, size)
}

// fill publishes what is to wait in the server, if anything.
func (g *rig) fill() error {
	if g.subject.Waiting == 0 {
		return nil
	}
	a := g.message()
	a.Request, a.Messages, a.Window = g.subject.Wait(load.Payload(payloadSize)).bytes(), g.subject.Waiting, inFlight
	_, err := g.publish(a)
	return err
}

// warmUp makes the server allocate what it allocates once: its history is full
// and its code has run.
func (g *rig) warmUp() error {
	if _, err := g.connect(g.streams(warmStreams, warmStreams)); err != nil {
		return err
	}
	if g.subject.Publish != nil && g.options.WarmUp > 0 {
		a := g.message()
		a.Messages, a.Window = g.options.WarmUp, inFlight
		if g.subject.Pushes {
			a.Messages /= 10
		}
		if _, err := g.publish(a); err != nil {
			return err
		}
	}
	return g.drop()
}

// settled waits a moment and returns the server's memory.
func (g *rig) settled(ctx context.Context) (int64, error) {
	select {
	case <-time.After(g.options.Settle):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	u, err := g.server.usage()
	return u.rss, err
}

func (g *rig) memory(ctx context.Context, f Figure, before int64, size int) error {
	now, err := g.settled(ctx)
	g.round.Figures[f] = float64(now-before) / float64(size)
	if f == UsedBytes {
		g.round.Figures[UsedMegabytes] = float64(now) / (1 << 20)
	}
	return err
}

// greeted publishes until what a new stream is told first has surely come, if that is much:
// it is no part of what a task costs that 50,000 others wait when a browser connects.
func (g *rig) greeted() error {
	if !g.options.Tasks {
		return nil
	}
	a := g.message()
	a.Messages, a.Window = g.options.WarmUp, inFlight
	_, err := g.publish(a)
	return err
}

// pipelined keeps a number of messages on their way.
func (g *rig) pipelined() error {
	a := g.message()
	a.Window, a.For = inFlight, g.options.Pipelined
	p, spent, err := g.traffic(a)
	if err == nil {
		g.round.pipelined(p, spent)
	}
	return err
}

// paced publishes at a steady rate, whatever the server makes of it.
func (g *rig) paced() error {
	a := g.message()
	a.Rate, a.For = pacedRate, g.options.Paced
	p, spent, err := g.traffic(a)
	if err == nil {
		g.round.paced(p, spent)
	}
	return err
}

// spent is CPU time.
type spent struct{ server, store, generator time.Duration }

// traffic publishes and returns what that took all sides.
func (g *rig) traffic(a load.PublishArgs) (load.Published, spent, error) {
	s0, err1 := g.server.usage()
	g0, err2 := g.generator.usage()
	p, err3 := g.publish(a)
	s1, err4 := g.server.usage()
	g1, err5 := g.generator.usage()
	return p, spent{s1.cpu - s0.cpu, s1.store - s0.store, g1.cpu - g0.cpu}, errors.Join(err1, err2, err3, err4, err5)
}
