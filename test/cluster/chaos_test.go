package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/test/cluster/check"
)

const (
	singles = 40 // tabs with a request_id of their own
	twins   = 8  // request_ids that two tabs share
	users   = 4
)

// Whatever breaks, as long as it is repaired in the end: no client misses an event
// or gets one twice, tasks end once and everywhere the same, and each request_id
// has one live connection.
func TestFaultsLoseNoEvent(t *testing.T) { // C3, C9, E7, G2, T2, T11, T14
	during, seed := *faultTime, *faultSeed
	if testing.Short() {
		during = min(during, 6*time.Second)
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("to have these faults again: -seed %d -faults %s", seed, during)

	r := newRig(t, options{sync: true, env: []string{
		"NODE_LEASE=3s", // shorter than NATS needs for a new leader: nodes take each other for dead
		"SHUTDOWN_GRACE_PERIOD=4s", "SSE_DRAIN_SPREAD=1s",
		"TASK_MAX_WORKERS=8", "TASK_CLEANUP_INTERVAL=24h", "TASK_RETENTION_COUNT=0",
	}})
	w := newWorld(t, r, seed)
	r.carryOut(t, plan(rand.New(rand.NewPCG(seed, 0)), during))
	w.settle(t)
	for _, p := range r.nodes {
		if falls := p.fallen(); len(falls) > 0 {
			t.Errorf("%s ended by itself: %q", p.name, falls)
		}
	}
}

// world is all the clients of a cluster.
type world struct {
	r     *rig
	tabs  []*tab
	users []*user
	news  *announcer
	calm  chan struct{} // closed when they no longer go about
	busy  sync.WaitGroup
}

// newWorld has tabs and users live until the test's end.
func newWorld(t *testing.T, r *rig, seed uint64) *world {
	t.Helper()
	w := &world{r: r, calm: make(chan struct{}), news: &announcer{r: r, random: rand.New(rand.NewPCG(seed, 3000))}}
	for i := range singles + 2*twins {
		name := fmt.Sprintf("single-%d", i)
		if i >= singles {
			name = fmt.Sprintf("twin-%d", (i-singles)/2)
		}
		w.tabs = append(w.tabs, &tab{
			name: name, urls: r.urls[:], random: rand.New(rand.NewPCG(seed, uint64(1000+i))), calm: w.calm,
			journal: r.journal,
		})
	}
	for i := range users {
		w.users = append(w.users, &user{
			name: fmt.Sprintf("user-%d", i), r: r, random: rand.New(rand.NewPCG(seed, uint64(2000+i))),
			rest: 400 * time.Millisecond, kinds: kinds,
		})
	}
	w.begin(t)
	return w
}

func (w *world) begin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var living sync.WaitGroup
	t.Cleanup(living.Wait)
	t.Cleanup(cancel)
	for _, b := range w.tabs {
		living.Go(func() { b.live(ctx) })
	}
	t.Cleanup(func() { cancel(); w.busy.Wait() })
	eventually(t, "all tabs have had a stream", w.seen)
	for _, u := range w.users {
		w.busy.Go(func() { u.live(ctx, w.calm) })
	}
	w.busy.Go(func() { w.news.live(ctx, w.calm) })
}

// seen says which tab has seen nothing yet, and would not know what it has missed.
func (w *world) seen() error {
	for _, b := range w.tabs {
		if len(b.received().Streams) == 0 {
			return fmt.Errorf("%s has had no stream", b.name)
		}
	}
	return nil
}

// settle waits until all is as it must be, once nothing breaks any more.
func (w *world) settle(t *testing.T) {
	t.Helper()
	begin := time.Now()
	eventually(t, "all nodes are ready", w.r.ready)
	close(w.calm)
	w.busy.Wait()
	var report check.Report
	eventually(t, "all is well", func() (missing error) {
		h, err := w.history(t.Context())
		report = check.Check(h)
		return errors.Join(append(all(report.Wrong), err, w.gauges(t.Context()))...)
	})
	eventually(t, "each page gets the version that waits for it", func() error {
		pending, err := w.r.pending(t.Context())
		return errors.Join(append(all(check.Pending(w.news.versions(), pending)), err)...)
	})
	t.Logf("settled in %s: %d log events of %d tasks on %d streams, %d resets",
		time.Since(begin).Round(time.Millisecond), report.Events, report.Tasks, report.Streams, report.Resets)
	if report.Resets > 0 {
		t.Errorf("G2: %d streams began with a reset, though the log retains everything", report.Resets)
	}
	for _, b := range w.tabs {
		for _, v := range b.violations() {
			t.Error(v)
		}
	}
}

// all makes errors of what is wrong, the first few of it.
func all(wrong []string) (errs []error) {
	const most = 20
	for _, w := range wrong[:min(most, len(wrong))] {
		errs = append(errs, errors.New(w))
	}
	return errs
}

// history is what was seen so far. Without an error it is complete.
func (w *world) history(ctx context.Context) (h check.History, missing error) {
	h.Posted = w.news.versions()
	for _, b := range w.tabs {
		h.Clients = append(h.Clients, b.received())
	}
	for _, u := range w.users {
		h.Started = append(h.Started, u.tasks()...)
	}
	h.States = map[string]map[string]check.State{}
	for i, p := range w.r.nodes {
		states, err := w.r.states(ctx, i)
		missing = errors.Join(missing, err)
		h.States[p.name] = states
	}
	return h, missing
}

// gauges says whether each node counts as many connections as it has (rule C9).
func (w *world) gauges(ctx context.Context) (missing error) {
	var live [size]int
	for _, b := range w.tabs {
		if node, ok := b.at(); ok {
			live[node]++
		}
	}
	for i, p := range w.r.nodes {
		m, err := w.r.metrics(ctx, i)
		if err != nil {
			return err
		}
		active := m["sse_gateway_active_connections"]
		if left := m[`sse_gateway_connections_total{action="connect"}`] - m[`sse_gateway_connections_total{action="disconnect"}`]; left != active {
			missing = errors.Join(missing, fmt.Errorf("C9: %s has %d connects left and %d connections", p.name, left, active))
		}
		if active != live[i] {
			missing = errors.Join(missing, fmt.Errorf("C9: %s counts %d connections, and has %d", p.name, active, live[i]))
		}
	}
	return missing
}

// metrics reads those of a node that are whole numbers.
func (r *rig) metrics(ctx context.Context, node int) (map[string]int, error) {
	text, err := r.text(ctx, r.urls[node]+"/metrics")
	m := map[string]int{}
	for line := range strings.Lines(text) {
		var (
			name  string
			value int
		)
		if n, _ := fmt.Sscanf(line, "%s %d", &name, &value); n == 2 {
			m[name] = value
		}
	}
	return m, err
}
