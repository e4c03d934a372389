package orphans_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections/orphans"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/test/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const interval = 5 * time.Second

// fixture holds the ports of node-1's Takeover. It is connection.Orphans over a registry
// in memory, and an orphans.Connections that records its calls.
type fixture struct {
	registry *memregistry.Registry
	logs     *logs.Logs
	down     atomic.Bool        // the orphans cannot be listed
	own      []connection.Token // in the node's roster

	mu         sync.Mutex
	adopted    []connection.Token // guarded by mu, as all below
	lost       []connection.Token
	released   []connection.Token
	closed     []connection.Token
	mismatched []connection.Connection // what Mismatches returns next: in the roster
	recorded   []connection.Connection // and only recorded
}

func newFixture() *fixture { return &fixture{registry: memregistry.New(), logs: &logs.Logs{}} }

// put registers a connection of a node.
func (f *fixture) put(t *testing.T, node string, id connection.RequestID, token connection.Token) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: id, Token: token, Node: node}
	if _, err := f.registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *fixture) remove(t *testing.T, tokens ...connection.Token) {
	t.Helper()
	for _, token := range tokens {
		if _, err := f.registry.Remove(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fixture) List(_ context.Context, present func(string) bool) (orphaned []connection.Connection, err error) {
	for c := range f.registry.All() {
		if !present(c.Node) && !slices.Contains(f.own, c.Token) {
			orphaned = append(orphaned, c)
		}
	}
	if f.down.Load() {
		return nil, errors.New("down")
	}
	return orphaned, nil
}

func (f *fixture) Adopt(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	c.Node = "node-1"
	if _, err := f.registry.Remove(ctx, c.Token); err != nil {
		return c, err
	}
	_, err := f.registry.Put(ctx, c)
	return c, err
}

func (f *fixture) Delete(ctx context.Context, c connection.Connection) error {
	_, err := f.registry.Remove(ctx, c.Token)
	return err
}

func (f *fixture) Mismatches() (own, orphaned []connection.Connection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	own, orphaned, f.mismatched, f.recorded = f.mismatched, f.recorded, nil, nil
	return own, orphaned
}

func (f *fixture) Release(connection.Token) bool { return true }

// connections is the fixture as orphans.Connections.
type connections struct{ *fixture }

func (f connections) AdoptOrphan(ctx context.Context, c connection.Connection, from connection.Orphans) error {
	_, err := from.Adopt(ctx, c)
	f.note(&f.adopted, c)
	return err
}

func (f connections) Release(c connection.Connection, _ connection.Orphans) { f.note(&f.released, c) }

func (f connections) Lost(c connection.Connection) { f.note(&f.lost, c) }

func (f connections) CloseReplaced(_ context.Context, c connection.Connection) { f.note(&f.closed, c) }

func (f *fixture) note(list *[]connection.Token, c connection.Connection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*list = append(*list, c.Token)
	slices.Sort(*list)
}

// want checks what was done.
func (f *fixture) want(t *testing.T, adopted, released, closed []connection.Token) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range []struct {
		what      string
		got, want []connection.Token
	}{{"adopted", f.adopted, adopted}, {"released", f.released, released}, {"closed", f.closed, closed}} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s were %q, want %q", c.what, c.got, c.want)
		}
	}
}

// serve serves a Takeover until the test ends. The fixture is its connection.Orphans
// unless another is given.
func (f *fixture) serve(t *testing.T, adopt bool, nodes *others, change ...func(*orphans.Deps)) {
	t.Helper()
	deps := orphans.Deps{
		Orphans: f, Registry: f.registry, Connections: connections{f}, Nodes: nodes,
		Log: f.logs.Logger(),
	}
	for _, c := range change {
		c(&deps)
	}
	takeover := orphans.New(orphans.Config{Interval: interval, Adopt: adopt}, deps)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- takeover.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// others are the nodes as node-1 sees them.
type others struct {
	mu  sync.Mutex
	now view // guarded by mu
}

// view is what a node sees of the cluster at a moment.
type view struct {
	present []string
	absent  bool // the node itself is believed to be gone
	follows bool // another one leads
}

func (o *others) see(v view) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = v
}

func (o *others) view() view {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *others) Self() cluster.Life      { return "node-1/life" }
func (o *others) Alive(cluster.Life) bool { return !o.view().absent }
func (o *others) Alone() bool             { return false }
func (o *others) Present() []string       { return o.view().present }
func (o *others) Leads() bool             { return !o.view().follows }

var both, alone = []string{"node-1", "node-2"}, []string{"node-1"}
