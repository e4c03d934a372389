//go:build linux

// Command runner runs the benchmark and writes a page of results: see
// docs/benchmarks/README.md. It must be started inside the repository.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"heliograph/test/bench"
	"heliograph/test/bench/browser"
)

// flags is the command line. Zero values leave Full's or Quick's options.
type flags struct {
	Quick      bool          `help:"A few minutes: two sizes, three rounds."`
	Peers      bool          `help:"Measure the peers that are there, too." xor:"what"`
	Gateway    bool          `help:"Measure what a gateway in a process of its own costs instead." xor:"what"`
	Tasks      bool          `help:"Measure tasks instead: from the start to the end on a stream." xor:"what"`
	Cluster    bool          `help:"Measure the brokers and the number of nodes instead." xor:"what"`
	Output     bool          `help:"Measure what a task's output costs the streams beside it instead." xor:"what"`
	Clients    bool          `help:"Measure clients in a browser instead; needs chromium and npm." xor:"what"`
	Only       []string      `help:"Only subjects whose names contain one of these."`
	Sizes      []int         `help:"Numbers of connections."`
	Rounds     int           `help:"Rounds, of which the median is shown."`
	Below      int           `help:"Rounds for all sizes but the largest."`
	Paced      time.Duration `help:"How long the steady traffic lasts."`
	Bin        string        `help:"Folder of programs that are built already." type:"existingdir"`
	Out        string        `help:"Folder to write to. Default: docs/benchmarks." type:"existingdir"`
	Dry        bool          `help:"Write nothing but the figures to standard output."`
	Mercure    string        `help:"Mercure's program." env:"PEER_MERCURE"`
	Centrifugo string        `help:"Centrifugo's program, version 6." env:"PEER_CENTRIFUGO"`
	Render     bool          `help:"Measure nothing; write the page again from the figures of the last run."`

	built bool // Bin is ours
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("runner"), kong.Description("Measures heliograph against the machine's limit and its peers."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func (f *flags) run(ctx context.Context) error {
	root, err := bench.Root(ctx)
	if err != nil {
		return err
	}
	if f.Out == "" {
		f.Out = filepath.Join(root, "docs/benchmarks")
	}
	results, err := f.results(ctx)
	if err != nil {
		return err
	}
	if f.Dry {
		_, err = os.Stdout.WriteString(results.Markdown(f.name()))
		return err
	}
	return results.Write(f.Out, f.name())
}

// name is the page that is written.
func (f *flags) name() string {
	switch {
	case f.Peers:
		return "peers"
	case f.Gateway:
		return "gateway"
	case f.Tasks:
		return "tasks"
	case f.Cluster:
		return "cluster"
	case f.Output:
		return "output"
	case f.Clients:
		return "client"
	}
	return "own"
}

func (f *flags) results(ctx context.Context) (bench.Results, error) {
	if f.Render {
		return bench.Read(f.Out, f.name())
	}
	subjects, missing, err := f.subjects(ctx)
	if err != nil {
		return bench.Results{}, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	for name, why := range missing {
		log.WarnContext(ctx, "peer is not measured", slog.String("peer", name), slog.String("why", why))
	}
	if f.built {
		defer os.RemoveAll(f.Bin) //nolint:errcheck // it is a temporary folder
	}
	r, err := f.measure(ctx, subjects, log)
	r.Missing, r.Command = missing, strings.Join(append([]string{"go run ./test/bench/runner"}, os.Args[1:]...), " ")
	return r, err
}

func (f *flags) measure(ctx context.Context, subjects []bench.Subject, log *slog.Logger) (bench.Results, error) {
	if f.Output {
		return bench.RunOutput(ctx, f.options(), f.Bin, log)
	}
	return bench.Run(ctx, subjects, f.options(), f.Bin, log)
}

// subjects builds what is to be measured.
func (f *flags) subjects(ctx context.Context) ([]bench.Subject, map[string]string, error) {
	if f.Bin == "" {
		bin, err := f.build(ctx)
		if err != nil {
			return nil, nil, err
		}
		f.Bin, f.built = bin, true
	}
	all, missing := bench.Own(f.Bin), map[string]string{}
	switch {
	case f.Gateway:
		all = bench.External(f.Bin)
	case f.Tasks:
		all, missing = bench.Tasks(f.Bin)
	case f.Cluster:
		all = bench.Cluster(f.Bin)
	case f.Clients:
		root, err := bench.Root(ctx)
		if err == nil {
			all, err = browser.Subjects(ctx, f.Bin, root, f.options().Paced)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if f.Peers {
		peers, absent := bench.Peers(f.Bin, map[string]string{"PEER_MERCURE": f.Mercure, "PEER_CENTRIFUGO": f.Centrifugo})
		all, missing = append(all, peers...), absent
	}
	return slices.DeleteFunc(all, func(s bench.Subject) bool {
		return len(f.Only) > 0 && !slices.ContainsFunc(f.Only, func(part string) bool { return strings.Contains(s.Name, part) })
	}), missing, nil
}

func (f *flags) build(ctx context.Context) (string, error) {
	bin, err := os.MkdirTemp("", "bench-bin-")
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	if err := bench.Build(ctx, bin); err != nil || !f.Peers && !f.Tasks && !f.Clients {
		return bin, err
	}
	if err := bench.BuildPeers(ctx, bin); err != nil && !f.Tasks { // tasks are measured without, too
		return bin, err
	}
	return bin, nil
}

func (f *flags) options() bench.Options {
	o := bench.Full()
	switch {
	case f.Cluster:
		o = bench.ForCluster()
	case f.Output:
		o = bench.ForOutput()
	case f.Tasks:
		o = bench.ForTasks()
	case f.Clients:
		o = bench.ForClients()
	case f.Quick:
		o = bench.Quick()
	}
	if f.Sizes != nil {
		o.Sizes = f.Sizes
	}
	if f.Rounds > 0 {
		o.Rounds = f.Rounds
	}
	if f.Gateway {
		o.Missed = 0 // that is the same as without
	}
	if f.Below > 0 {
		o.Below = f.Below
	}
	if f.Paced > 0 {
		o.Paced = f.Paced
	}
	return o
}
