package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"heliograph/test/cluster/balancer"
	"heliograph/test/cluster/check"
	"heliograph/test/freeport"
)

// A node is killed whose streams an external gateway holds: they live on, and
// other nodes see to them, of which one is far from the log and so behind.
func TestStreamsOfAKilledNodeAreAdopted(t *testing.T) { // C8, C9, E7, G6
	const lease = 3 * time.Second
	r := newRig(t, options{gateway: true, env: []string{
		"NODE_LEASE=" + lease.String(), "SHUTDOWN_GRACE_PERIOD=4s", "TASK_CLEANUP_INTERVAL=24h", "TASK_RETENTION_COUNT=0",
	}})
	eventually(t, "the gateway reaches all nodes", func() error {
		if n := r.reachable(); n < len(r.nodes) {
			return fmt.Errorf("it reaches %d", n)
		}
		return nil
	})
	w := newPatrons(t, r, *faultSeed)
	eventually(t, "each node has streams", func() error { return w.spread(t.Context(), r.nodes[:]...) })
	for _, l := range r.toServer[1] {
		l.Slow(100 * time.Millisecond)
	}

	begin := time.Now()
	r.nodes[0].kill()
	eventually(t, "the streams of h1 are adopted", func() error { return w.spread(t.Context(), r.nodes[1:]...) })
	t.Logf("adopted %s after the node was killed; a lease and a third are %s", time.Since(begin).Round(time.Millisecond), lease+lease/3)
	if err := r.nodes[0].start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all nodes are ready", r.ready)
	w.stroll(t, *faultSeed)
	for _, l := range r.toServer[1] {
		l.Slow(0)
	}
	close(w.calm)
	w.busy.Wait()

	var report check.Report
	eventually(t, "all is well", func() error {
		h, missing := w.history(t.Context())
		h.External = true
		report = check.Check(h)
		return errors.Join(append(all(report.Wrong), missing, w.spread(t.Context()))...)
	})
	t.Logf("%d log events of %d tasks, %d resets", report.Events, report.Tasks, report.Resets)
	if report.Resets == 0 {
		t.Error("C8: no stream was reset because its node is another")
	}
	for _, c := range w.tabs[:patrons] {
		if n := len(c.received().Streams); n != 1 {
			t.Errorf("C8: client %s needed %d streams, want one that lives on", c.name, n)
		}
	}
}

// patrons are the first of the gateway's tabs, which stay; the others come and go.
const patrons, strollers = 20, 30

// newPatrons is a world of tabs that stay at the gateway.
func newPatrons(t *testing.T, r *rig, seed uint64) *world {
	t.Helper()
	const busy = 3
	w := &world{r: r, calm: make(chan struct{}), news: &announcer{r: r, random: rand.New(rand.NewPCG(seed, 0))}}
	stays := make(chan struct{})
	close(stays)
	w.visit(seed, patrons, stays)
	for i := range busy {
		w.users = append(w.users, &user{
			name: fmt.Sprintf("user-%d", i), r: r, random: rand.New(rand.NewPCG(seed, uint64(i))), rest: 200 * time.Millisecond, kinds: kinds,
		})
	}
	w.begin(t)
	return w
}

// visit adds tabs that have yet to live, and returns them.
func (w *world) visit(seed uint64, n int, calm <-chan struct{}) (more []*tab) {
	for range n {
		i := len(w.tabs)
		w.tabs = append(w.tabs, &tab{
			name: fmt.Sprintf("patron-%d", i), urls: []string{w.r.gateway}, random: rand.New(rand.NewPCG(seed, uint64(1000+i))),
			calm: calm, journal: w.r.journal,
		})
	}
	return w.tabs[len(w.tabs)-n:]
}

// strollTime is enough for most strollers to come back once.
const strollTime = 6 * time.Second

// stroll has tabs come and go for a while, and until all is calm.
func (w *world) stroll(t *testing.T, seed uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var living sync.WaitGroup
	t.Cleanup(func() { cancel(); living.Wait() })
	for _, b := range w.visit(seed, strollers, w.calm) {
		living.Go(func() { b.live(ctx) })
	}
	pause(ctx, strollTime)
}

// spread says what is missing until the nodes, each of them, have all streams
// between them; without nodes, whether they are all there.
func (w *world) spread(ctx context.Context, nodes ...*process) (missing error) {
	all := 0
	for i, p := range w.r.nodes {
		if len(nodes) > 0 && !slices.Contains(nodes, p) {
			continue
		}
		m, err := w.r.metrics(ctx, i)
		active := m["sse_gateway_active_connections"]
		if err == nil && active == 0 && len(nodes) > 0 {
			err = fmt.Errorf("%s has no stream", p.name)
		}
		missing = errors.Join(missing, err)
		all += active
	}
	if all != len(w.tabs) {
		missing = errors.Join(missing, fmt.Errorf("C9: the nodes count %d connections, there are %d", all, len(w.tabs)))
	}
	return missing
}

// startGateway runs the gateway role, which asks any node that is ready, and
// returns what a node needs to know of it.
func (r *rig) startGateway(t *testing.T, heliograph string) (env []string) {
	t.Helper()
	const secret = "s3cret"
	outside, inside := freeport.Addr(t), freeport.Addr(t)
	r.gateway = "http://" + outside
	launch(t, program{name: "gateway", argv: []string{heliograph, "gateway"}, tail: 15, env: []string{
		"PORT=" + port(outside), "INTERNAL_ADDR=" + inside, "CALLBACK_URL=" + r.anyNode(t) + "/api/sse/callback?secret=" + secret,
		"LOG_FORMAT=json", "GORACE=atexit_sleep_ms=0",
	}})
	return []string{"SSE_GATEWAY=http", "SSE_GATEWAY_URL=http://" + inside, "SSE_CALLBACK_SECRET=" + secret}
}

// anyNode returns the URL of a load balancer.
func (r *rig) anyNode(t *testing.T) string {
	t.Helper()
	b := balancer.New(r.urls[:])
	r.reachable = b.Ready
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { defer close(watched); b.Watch(ctx) }()
	transport := &http.Transport{}
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // nodes that are away are no news
	proxy := &httputil.ReverseProxy{Transport: transport, ErrorLog: quiet, Rewrite: func(p *httputil.ProxyRequest) {
		if target, ok := b.Pick(); ok {
			to, _ := url.Parse(target) // of our own making
			p.SetURL(to)
		}
	}}
	server := httptest.NewServer(proxy)
	t.Cleanup(func() { cancel(); <-watched; server.Close(); transport.CloseIdleConnections() })
	return server.URL
}
