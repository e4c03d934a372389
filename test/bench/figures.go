//go:build linux

package bench

import (
	"slices"
	"time"

	"heliograph/test/bench/load"
)

// Figure names what is measured. The unit is part of the name.
type Figure string

// The figures.
const (
	ConnectsPerSecond   Figure = "connects_per_second"
	IdleBytes           Figure = "idle_bytes_per_connection"
	UsedBytes           Figure = "bytes_per_connection_after_traffic"
	UsedMegabytes       Figure = "megabytes_after_traffic" // of all, without stores
	DeliveriesPerSecond Figure = "pipelined_deliveries_per_second"
	PipelinedCPU        Figure = "pipelined_cpu_seconds_per_million"
	PacedCPU            Figure = "paced_cpu_seconds_per_million"
	PipelinedStore      Figure = "pipelined_nats_cpu_seconds_per_million" // of the NATS or Redis servers, if any
	PacedStore          Figure = "paced_nats_cpu_seconds_per_million"
	PipelinedAll        Figure = "pipelined_cpu_seconds_per_million_with_stores"
	PacedP50            Figure = "paced_p50_ms"
	PacedP99            Figure = "paced_p99_ms"
	PacedMax            Figure = "paced_max_ms"
	Lost                Figure = "lost" // connections that did not open, and deliveries that did not come

	// The generator's own, to see that it is not what limits.
	GeneratorCPU Figure = "generator_cpu_seconds_per_million"
	InFlight     Figure = "messages_in_flight"
	PostTime     Figure = "post_ms"

	ReplayTime     Figure = "replay_ms"
	ReplayWrites   Figure = "replay_writes"
	BackPerSecond  Figure = "back_connects_per_second"
	BackServed     Figure = "back_all_served_ms"
	StormPerSecond Figure = "storm_connects_per_second"
	StormServed    Figure = "storm_all_served_ms"
)

// Round is what one measurement tells. A figure that is not there was not
// measured.
type Round struct {
	Figures map[Figure]float64
	// Percentiles 0 to 100 of the paced latency, in milliseconds.
	Percentiles []float64
}

func newRound() Round { return Round{Figures: map[Figure]float64{}} }

// median takes that of each figure by itself, and of the rounds that have it.
func median(rounds []Round) Round {
	values, curves := map[Figure][]float64{}, make([][]float64, 101)
	for _, r := range rounds {
		for f, v := range r.Figures {
			values[f] = append(values[f], v)
		}
		for p, v := range r.Percentiles {
			curves[p] = append(curves[p], v)
		}
	}
	m := newRound()
	for f, all := range values {
		m.Figures[f] = middle(all)
	}
	for _, all := range curves {
		if len(all) > 0 {
			m.Percentiles = append(m.Percentiles, middle(all))
		}
	}
	return m
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// connected notes how opening streams went.
func (r *Round) connected(c load.Connected, want int) {
	r.Figures[ConnectsPerSecond] = perSecond(c.Open, c.Took)
	r.Figures[Lost] += float64(want - c.Open)
}

// pipelined and paced note how publishing went, and the CPU time for it.
func (r *Round) pipelined(p load.Published, cpu spent) {
	r.Figures[DeliveriesPerSecond] = perSecond(p.Deliveries, p.Took)
	r.Figures[PipelinedCPU] = perMillion(cpu.server, p)
	r.Figures[PipelinedAll] = perMillion(cpu.server+cpu.store, p)
	r.store(PipelinedStore, cpu, p)
	r.Figures[GeneratorCPU] = perMillion(cpu.generator, p)
	r.Figures[InFlight] = p.InFlight
	r.Figures[PostTime] = milliseconds(p.Post)
	r.Figures[Lost] += float64(p.Lost)
}

func (r *Round) paced(p load.Published, cpu spent) {
	r.Figures[PacedCPU] = perMillion(cpu.server, p)
	r.store(PacedStore, cpu, p)
	r.Figures[PacedP50] = milliseconds(p.Latency.P50)
	r.Figures[PacedP99] = milliseconds(p.Latency.P99)
	r.Figures[PacedMax] = milliseconds(p.Latency.Max)
	r.Figures[Lost] += float64(p.Lost)
	for _, d := range p.Latency.Percentiles {
		r.Percentiles = append(r.Percentiles, milliseconds(d))
	}
}

// store notes the CPU time of NATS or Redis servers, if there are any.
func (r *Round) store(f Figure, cpu spent, p load.Published) {
	if cpu.store > 0 {
		r.Figures[f] = perMillion(cpu.store, p)
	}
}

// perSecond is 0 when it never came to an end.
func perSecond(n int, took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return float64(n) / took.Seconds()
}

func perMillion(cpu time.Duration, p load.Published) float64 {
	return cpu.Seconds() / float64(max(p.Deliveries, 1)) * 1e6
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
