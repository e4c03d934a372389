//go:build linux

package bench_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heliograph/test/bench"
)

// results is a made-up run of us, a reference and two peers.
func results() bench.Results {
	outcome := func(name string, connects, deliveries float64) bench.Outcome {
		curve := make([]float64, 101)
		for p := range curve {
			curve[p] = float64(p) + 1
		}
		return bench.Outcome{Name: name, Settings: "default", BySize: map[int]bench.Round{
			100:  {Figures: map[bench.Figure]float64{bench.ConnectsPerSecond: connects}},
			1000: {Figures: map[bench.Figure]float64{bench.ConnectsPerSecond: connects, bench.DeliveriesPerSecond: deliveries}, Percentiles: curve},
		}}
	}
	r := bench.Results{
		Command: "bench", Options: bench.Options{Sizes: []int{100, 1000}, Rounds: 3}, Missing: map[string]string{"absent": "no program"},
		Subjects: []bench.Outcome{outcome("limit, all pending bytes in one write", 9, 1000), outcome("heliograph", 5, 900), outcome("fast <peer>", 7, 100)},
	}
	r.Subjects[0].Reference, r.Subjects[1].Ours = true, true
	return r
}

func TestPageSaysWhichSubjectIsAhead(t *testing.T) {
	t.Parallel()
	page := results().Markdown("own")
	for _, want := range []string{
		"| *limit, all pending bytes in one write* | 9 |",
		"Ahead of heliograph: fast <peer> at connects/s (7 against 5).",
		"| heliograph | pipelined deliveries/s | limit, all pending bytes in one write | 0.90 | at least 0.80 | reached |",
		"| heliograph | 5 | – | – | **900** |",
		"- **absent** was not measured: no program.",
		"(own-latency.svg)",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
}

func TestPlotsAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, p := range bench.Plots {
		for _, r := range []bench.Results{results(), {Options: bench.Options{Sizes: []int{1}}}} { // the second is empty
			svg := p.SVG(r)
			decoder := xml.NewDecoder(strings.NewReader(svg))
			var err error
			for err == nil {
				_, err = decoder.Token()
			}
			if !errors.Is(err, io.EOF) || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("%s: %v\n%s", p.Name, err, svg)
			}
		}
	}
}

func TestPageNamesNoPeerWhereNoneWasMeasured(t *testing.T) {
	t.Parallel()
	r := results()
	r.Subjects[2].Ours = true
	if page := r.Markdown("own"); strings.Contains(page, "peer is ahead") || strings.Contains(page, "Ahead of heliograph") {
		t.Errorf("the page compares with peers:\n%s", page)
	}
}

func TestResultsAreWrittenAsAPageAndReadAgain(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), results()
	if err := r.Write(dir, "own"); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "own.md"))
	if err != nil || string(page) != r.Markdown("own") {
		t.Errorf("the page is\n%s (%v)", page, err)
	}
	again, err := bench.Read(dir, "own")
	if diff := cmp.Diff(r, again); err != nil || diff != "" {
		t.Errorf("read again: %v\n%s", err, diff)
	}
}

func TestClusterPageHasATableForEachPartAndSize(t *testing.T) {
	t.Parallel()
	r := results()
	r.Options.Cluster = true
	for i, part := range []string{"An event for everyone", "An event for everyone", "More nodes"} {
		r.Subjects[i].Part = part
	}
	delete(r.Subjects[2].BySize, 100)
	page := r.Markdown("cluster")
	for _, want := range []string{
		"## An event for everyone: 1,000 connections\n", "## An event for everyone: 100 connections\n", "## More nodes: 1,000 connections\n",
		"| *limit, all pending bytes in one write* | 9 | 1,000 |", "| heliograph | 5 (0.56×) | 900 (0.90×) |", "| fast <peer> | 7 | 100 |", "(cluster-latency.svg)",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	for _, never := range []string{"More nodes: 100 connections", "Ahead of", "throughput.svg"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q:\n%s", never, page)
		}
	}
}

func TestClientPageSaysWherePeersAreAhead(t *testing.T) {
	t.Parallel()
	client := func(name string, zipped, main, streams float64) bench.Outcome {
		return bench.Outcome{Name: name, Settings: "none", BySize: map[int]bench.Round{1: {Figures: map[bench.Figure]float64{
			bench.PageZipped: zipped, bench.OwnFlood.Main(): main, bench.TabStreams: streams,
		}}}}
	}
	r := bench.Results{Options: bench.ForClients(), Subjects: []bench.Outcome{
		client("heliograph", 7168, 200, 1), client("heliograph, not shared", 18432, 100, 6),
		client("small", 1024, 195, 6), client("fast", 9216, 100, 7), client("the browser's own", 1, 1, 6),
	}}
	r.Subjects[0].Ours, r.Subjects[1].Ours, r.Subjects[4].Reference = true, true, true
	page := r.Markdown("client")
	for _, want := range []string{
		"# Measured: clients in a browser\n",
		"| small | – | **1.0 KB** (0.14×) |",
		"**Ahead of heliograph:** small (1.0 KB) at gzip (7.0 KB).", // and neither the reference
		"**Ahead of heliograph:** fast (100) at main thread (200).", // nor what is the same but for the noise
		"## Seven tabs\n", "| heliograph | **1** |", "- **fast**: none.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	for _, never := range []string{"connections\n", ".svg", "Was it the server"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q:\n%s", never, page)
		}
	}
}
