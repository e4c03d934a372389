//go:build linux

package bench_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"heliograph/test/bench"
)

func TestAnOutputIsMeasuredInEachPlaceAndNoByteIsLost(t *testing.T) { // T22, T23
	bin := t.TempDir()
	if err := bench.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	o := smoke
	o.Sizes, o.Rounds, o.Output = []int{streams}, 1, true
	o.Paced = time.Second
	r, err := bench.RunOutput(t.Context(), o, bin, slog.New(slog.DiscardHandler))
	if err != nil || len(r.Output) != 1 {
		t.Fatalf("%d rounds: %v", len(r.Output), err)
	}
	for at, round := range r.Output[0] {
		check(t, round, bench.PacedP99, bench.HeldEvents, bench.HeldBytes)
		if printed := round.Figures[bench.PrintedBytes]; (printed > 0) != (at != "nowhere") || round.Figures[bench.LostBytes] != 0 {
			t.Errorf("%s: %v bytes were printed a second, and %v were lost", at, printed, round.Figures[bench.LostBytes])
		}
	}
}

func TestOutputPageHoldsItAgainstTheAim(t *testing.T) {
	t.Parallel()
	round := func(p99, events float64) bench.Round {
		return bench.Round{Figures: map[bench.Figure]float64{bench.PacedP99: p99, bench.HeldEvents: events, bench.OthersCPU: 40}}
	}
	r := bench.Results{
		Options: bench.Options{Sizes: []int{1000}, Rounds: 1, Paced: time.Second, Output: true},
		Output:  []map[bench.Where]bench.Round{{"nowhere": round(100, 1000), "elsewhere": round(102, 1000), "here": round(103, 970)}},
	}
	page := r.Markdown("output")
	for _, want := range []string{
		"| **p99 of the deliveries** | 100.0 ms | 102.0 ms | 103.0 ms | 1.030 [1.030, 1.030]: **missed** | 1.010 [1.010, 1.010]: reached |",
		"| **events in the log** | 1,000 | 1,000 | 970 | 0.970 [0.970, 0.970]: **missed** | 0.970 [0.970, 0.970]: **missed** |",
		"| **CPU without the output's** | 40.0 | 40.0 | 40.0 | 1.000 [1.000, 1.000]: reached |",
		"by at most\n2 % is reached",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	for range 3 {
		r.Output = append(r.Output, map[bench.Where]bench.Round{"nowhere": round(100, 1000), "elsewhere": round(100, 1000), "here": round(100, 1000)})
	}
	r.Output = append(r.Output, r.Output[0])
	if page := r.Markdown("output"); !strings.Contains(page, " 1.000 [1.000, 1.030]: not decided |") {
		t.Errorf("the rounds differ too much to tell:\n%s", page)
	}
	for _, never := range []string{".svg", "Versions and settings"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q:\n%s", never, page)
		}
	}
}
