//go:build linux

package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// ForOutput measures what a task's output costs the streams beside it, in about five minutes.
func ForOutput() Options {
	return Options{Sizes: []int{10000}, Rounds: 20, Paced: 4 * time.Second, Settle: time.Second, WarmUp: 6000, Output: true}
}

// outputRate is how many events a second go to everyone meanwhile: few enough that each is
// with all 10,000 streams before the next, so that what the output adds can be seen.
const outputRate = 5

// Where says in which service the output of a phase is printed.
type Where string

// All of them. A task that prints nothing runs, and is followed, in each of them.
const (
	nowhere   Where = "nowhere"
	elsewhere Where = "elsewhere" // in another service on the same machine, which costs its processors as much
	here      Where = "here"
)

func everywhere() []Where { return []Where{nowhere, elsewhere, here} }

// The figures of a phase beside those of steady traffic, without that of the output where it
// is printed elsewhere.
const (
	ServerCPU    Figure = "server_cpu_percent_of_a_core"
	OthersCPU    Figure = "server_cpu_percent_of_a_core_without_output" // what printing elsewhere takes is taken off
	OutputCPU    Figure = "output_cpu_percent_of_a_core"                // of the other service, more than when it does nothing
	HeldEvents   Figure = "events_in_the_log"
	HeldBytes    Figure = "bytes_in_the_log"
	PrintedBytes Figure = "output_bytes_per_second"
	LostBytes    Figure = "output_bytes_lost" // that did not come to the one that follows
)

// RunOutput measures rounds of one phase for each place, in changing order, with the same
// streams of one service.
func RunOutput(ctx context.Context, o Options, bin string, log *slog.Logger) (Results, error) {
	r := Results{When: time.Now(), Machine: thisMachine(), Options: o}
	s := doesNothing(bin, inMemory(bin), "memory")
	s.Publish = heliograph(bin).Publish
	all := o
	all.Paced = time.Duration(o.Rounds*len(everywhere())) * (o.Paced + o.Settle)
	_, err := withRig(ctx, &s, all, bin, false, func(g *rig) error {
		other, err := startServer(ctx, &s, false)
		if err != nil {
			return err
		}
		p := outputPhases{rig: g, other: other, lasting: o.Paced}
		r.Output, err = p.rounds(ctx, log)
		return errors.Join(err, other.stop())
	})
	return r, err
}

// outputPhases is two services, of which the first has all streams.
type outputPhases struct {
	*rig

	other        *server
	ours, theirs *printer
	lasting      time.Duration
}

func (p *outputPhases) rounds(ctx context.Context, log *slog.Logger) (all []map[Where]Round, err error) {
	if err := p.warmUp(); err != nil {
		return nil, err
	}
	size := p.options.Sizes[0]
	if connected, err := p.connect(p.streams(size, parallel)); err != nil || connected.Open < size {
		return nil, errors.Join(err, fmt.Errorf("%d of %d streams are open", connected.Open, size))
	}
	if p.ours, err = newPrinter(ctx, p.place.Streams); err != nil {
		return nil, err
	}
	defer p.ours.close()
	if p.theirs, err = newPrinter(ctx, p.other.place.Streams); err != nil {
		return nil, err
	}
	defer p.theirs.close()
	for i := range p.options.Rounds {
		round := map[Where]Round{}
		for k := range everywhere() {
			at := everywhere()[(i+k)%len(everywhere())]
			if round[at], err = p.phase(ctx, at); err != nil {
				return nil, err
			}
		}
		shareOutput(round)
		all = append(all, round)
		log.InfoContext(ctx, "round done", slog.Int("round", i+1), slog.Any(string(PacedP99), figures(round, PacedP99)), slog.Any(string(OthersCPU), figures(round, OthersCPU)))
	}
	return all, nil
}

func figures(round map[Where]Round, f Figure) (all []float64) {
	for _, at := range everywhere() {
		all = append(all, round[at].Figures[f])
	}
	return all
}

// shareOutput takes from each phase what it did not spend on others.
func shareOutput(round map[Where]Round) {
	idle := round[nowhere].Figures[OutputCPU]
	cost := round[elsewhere].Figures[OutputCPU] - idle
	for at, r := range round {
		delete(r.Figures, OutputCPU)
		r.Figures[OthersCPU] = r.Figures[ServerCPU]
		if at == here {
			r.Figures[OthersCPU] -= cost
		}
		if at == elsewhere {
			r.Figures[OutputCPU] = cost
		}
	}
}

// phase has a task run in both services, one of which prints as the place says, while
// events go to all streams.
func (p *outputPhases) phase(ctx context.Context, at Where) (Round, error) {
	if _, err := p.settled(ctx); err != nil {
		return Round{}, err
	}
	rates := map[Where][2]int{nowhere: {}, elsewhere: {0, printRate}, here: {printRate, 0}}[at]
	if err := errors.Join(p.ours.start(ctx, rates[0]), p.theirs.start(ctx, rates[1])); err != nil {
		return Round{}, err
	}
	a := p.message()
	a.Rate, a.For = outputRate, p.lasting
	before, err1 := p.other.usage()
	began := time.Now()
	published, cpu, err2 := p.traffic(a)
	took := time.Since(began)
	after, err3 := p.other.usage()
	printed, lost, err4 := p.ours.end(ctx)
	otherPrinted, otherLost, err5 := p.theirs.end(ctx)
	held, err6 := p.ours.held(ctx)
	r := newRound()
	r.paced(published, cpu)
	r.Percentiles = nil
	r.Figures[ServerCPU] = 100 * cpu.server.Seconds() / took.Seconds()
	r.Figures[OutputCPU] = 100 * (after.cpu - before.cpu).Seconds() / took.Seconds()
	r.Figures[PrintedBytes] = float64(cmp.Or(printed, otherPrinted)) / took.Seconds()
	r.Figures[LostBytes] = float64(lost + otherLost)
	r.Figures[HeldEvents], r.Figures[HeldBytes] = float64(held.Events), float64(held.Bytes)
	return r, errors.Join(err1, err2, err3, err4, err5, err6)
}
