//go:build linux

package bench_test

import (
	"strings"
	"testing"
	"time"

	"heliograph/test/bench"
)

// smoke is too short to measure anything, and long enough to go wrong.
var smoke = bench.Options{
	Pipelined: 200 * time.Millisecond, Paced: 300 * time.Millisecond, Settle: 50 * time.Millisecond, WarmUp: 100, Missed: 500,
}

const streams = 50

func TestOurOwnServersAreMeasuredAndLoseNothing(t *testing.T) {
	bin := t.TempDir()
	if err := bench.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	for _, s := range bench.Own(bin) {
		t.Run(s.Name, func(t *testing.T) {
			round, err := bench.Measure(t.Context(), &s, streams, smoke, bin)
			if err != nil {
				t.Fatal(err)
			}
			wants := []bench.Figure{bench.ConnectsPerSecond}
			if s.Publish != nil {
				wants = append(wants, bench.DeliveriesPerSecond, bench.InFlight)
			}
			if s.Publish != nil && !s.Pushes {
				wants = append(wants, bench.PacedP50)
			}
			check(t, round, wants...)
		})
		if !s.Resumes {
			continue
		}
		t.Run(s.Name+", recovery", func(t *testing.T) {
			round, err := bench.Recover(t.Context(), &s, streams, smoke, bin)
			if err != nil {
				t.Fatal(err)
			}
			check(t, round, bench.ReplayTime, bench.ReplayWrites, bench.BackServed, bench.StormServed)
		})
	}
}

// check wants these figures to be there, and nothing lost.
func check(t *testing.T, round bench.Round, wants ...bench.Figure) {
	t.Helper()
	for _, f := range wants {
		if round.Figures[f] <= 0 {
			t.Errorf("%s: %v, want more than nothing", f, round.Figures[f])
		}
	}
	if lost, ok := round.Figures[bench.Lost]; !ok || lost != 0 {
		t.Errorf("%v connections or deliveries lost, want 0", lost)
	}
}

func TestNodesOnNATSServersAreMeasuredAndLoseNothing(t *testing.T) {
	bin := t.TempDir()
	if err := bench.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	for _, s := range bench.Cluster(bin) {
		if s.Name != "DATA_DIR" && s.Name != "NATS_URL, three servers: a task" && s.Name != "three nodes" { // the others are like these
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			round, err := bench.Measure(t.Context(), &s, streams, smoke, bin)
			if err != nil {
				t.Fatal(err)
			}
			check(t, round, bench.DeliveriesPerSecond, bench.PacedP50)
			if _, ok := round.Figures[bench.PipelinedStore]; ok != (s.Spare > 0) {
				t.Errorf("CPU time of NATS servers was measured: %v", ok)
			}
		})
	}
}

func TestTasksAreMeasuredAndNoneIsLost(t *testing.T) {
	bin := t.TempDir()
	if err := bench.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	all, _ := bench.Tasks(bin)
	for _, s := range all {
		if !strings.HasPrefix(s.Name, "DATA_DIR, 50,000 wait") && !strings.HasPrefix(s.Name, "NATS_URL, one server") { // the others are like these
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			s.Waiting = min(s.Waiting, 500)
			round, err := bench.Measure(t.Context(), &s, 1, smoke, bin)
			if err != nil {
				t.Fatal(err)
			}
			check(t, round, bench.DeliveriesPerSecond, bench.PipelinedAll, bench.PacedP50, bench.UsedMegabytes)
		})
	}
}
