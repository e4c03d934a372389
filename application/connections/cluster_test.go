package connections_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/application/connections"
	"heliograph/domain/cluster"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
)

// neighbour makes f's manager one of two nodes, and returns its way to
// the other one, node-2.
func neighbour(t *testing.T, f *fixture) *mocks.MockGatewayControl {
	t.Helper()
	f.control = mocks.NewMockGatewayControl(gomock.NewController(t))
	f.control.EXPECT().Owns(gomock.Any()).DoAndReturn(func(node string) bool { return node == "node-1" }).AnyTimes()
	f.Manager = f.over(f.registry)
	t.Cleanup(func() {
		if err := f.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return f.control
}

// elsewhere registers a connection of node-2.
func (f fixture) elsewhere(t *testing.T, id connection.RequestID, token connection.Token) connection.Connection {
	t.Helper()
	c := connection.Connection{RequestID: id, Token: token, Node: "node-2"}
	if _, err := f.registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAReplacedConnectionOfAnotherNodeIsClosedThere(t *testing.T) { // C3, C9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		control := neighbour(t, &f)
		f.elsewhere(t, "a", "token-old")
		control.EXPECT().Close(gomock.Any(), "node-2", connection.Token("token-old"), replaced)
		f.connect(t, "a", "token-new")
		synctest.Wait()
		f.metrics.want(t, 1, 0) // the other node counts its own

		f.elsewhere(t, "b", "token-b")
		control.EXPECT().Close(gomock.Any(), "node-2", connection.Token("token-b"), replaced).Return(gateway.ErrRefused)
		f.connect(t, "b", "token-c")
		synctest.Wait()
		f.wantLog(t, "level=WARN", "could not be closed", "request_id=b")
	})
}

func TestANodeThatDoesNotAnswerIsWorthOneWarning(t *testing.T) { // C3
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		control := neighbour(t, &f)
		const warning = "node does not answer"
		for _, c := range []struct {
			id       connection.RequestID
			err      error
			warnings int
		}{{"a", gateway.ErrNodeAway, 1}, {"b", gateway.ErrNodeAway, 1}, {"c", nil, 1}, {"d", gateway.ErrNodeAway, 2}} {
			f.elsewhere(t, c.id, "token-old-"+connection.Token(c.id))
			control.EXPECT().Close(gomock.Any(), "node-2", gomock.Any(), replaced).Return(c.err)
			f.connect(t, c.id, "token-new-"+connection.Token(c.id))
			synctest.Wait()
			if got := strings.Count(f.logs.String(), `msg="`+warning); got != c.warnings {
				t.Errorf("after %s: %d warnings, want %d", c.id, got, c.warnings)
			}
		}
	})
}

func TestTheEndOfAnotherNodesConnectionIsToldThere(t *testing.T) { // C9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		control := neighbour(t, &f)
		f.elsewhere(t, "a", "token-a")
		control.EXPECT().Ended(gomock.Any(), "node-2", connection.Token("token-a"), connection.ReasonClientClosed).Return(gateway.ErrNodeAway)
		f.Disconnect(t.Context(), "token-a", connection.ReasonClientClosed)
		synctest.Wait()
		f.metrics.want(t, 0, 0)
		if _, err := f.registry.ByToken(t.Context(), "token-a"); !errors.Is(err, connection.ErrNotFound) {
			t.Errorf("it is still there: %v", err)
		}
	})
}

func TestAnotherNodeHasAStreamClosed(t *testing.T) { // C3, C9
	f := newFixture(t)
	f.connect(t, "a", "token-a")
	f.connect(t, "b", "token-b")
	f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-a"), replaced)
	if err := f.Close(t.Context(), "token-a", replaced); err != nil {
		t.Error(err)
	}
	f.Ended(t.Context(), "token-b", connection.ReasonClientClosed)
	f.metrics.want(t, 2, 2)
	f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-x"), replaced).Return(gateway.ErrUnknownToken)
	if err := f.Close(t.Context(), "token-x", replaced); !errors.Is(err, gateway.ErrUnknownToken) {
		t.Errorf("close of an unknown one: %v", err)
	}
	f.metrics.want(t, 2, 2)
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

// heritage is a connection.Orphans over the fixture's registry.
type heritage struct {
	fixture

	down atomic.Bool
	own  []connection.Token // in the node's roster

	mu        sync.Mutex
	forgot    []connection.Token      // guarded by mu
	mine      []connection.Connection // that went astray; guarded by mu
	recovered []connection.Connection // recorded for this node; guarded by mu
}

func (h *heritage) List(_ context.Context, present func(string) bool) (left []connection.Connection, err error) {
	for c := range h.registry.All() {
		if !present(c.Node) && !slices.Contains(h.own, c.Token) {
			left = append(left, c)
		}
	}
	if h.down.Load() {
		return nil, errors.New("down")
	}
	return left, nil
}

func (h *heritage) Adopt(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	c.Node = "node-1"
	if _, err := h.registry.Remove(ctx, c.Token); err != nil {
		return c, err
	}
	_, err := h.registry.Put(ctx, c)
	return c, err
}

func (h *heritage) Delete(ctx context.Context, c connection.Connection) error {
	_, err := h.registry.Remove(ctx, c.Token)
	return err
}

func (h *heritage) Release(token connection.Token) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgot = append(h.forgot, token)
	return true
}

func (h *heritage) Mismatches() (own, left []connection.Connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own, left, h.mine, h.recovered = h.mine, h.recovered, nil, nil
	return own, left
}

const every = 5 * time.Second

// heirs starts Heirs, until the test ends.
func (f fixture) heirs(t *testing.T, adopt bool, nodes *others, own ...connection.Token) *heritage {
	t.Helper()
	h := &heritage{fixture: f, own: own}
	f.serveHeirs(t, adopt, h, nodes)
	return h
}

func (f fixture) serveHeirs(t *testing.T, adopt bool, h connection.Orphans, nodes *others) {
	t.Helper()
	heirs := connections.NewHeirs(connections.HeirsConfig{Every: every, Adopt: adopt}, f.Manager, h, nodes)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- heirs.Serve(ctx) }()
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

func TestConnectionsOfALostNodeGoWithItOrAreAdopted(t *testing.T) { // C8, C9
	for name, adopt := range map[string]bool{"with an embedded gateway": false, "with an external one": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				neighbour(t, &f)
				f.sender.EXPECT().Send(gomock.Any(), gomock.Any(), lost).AnyTimes()
				observed := make(chan connection.Token, 10)
				f.observe("all", func(_ context.Context, c connection.Connection) error { observed <- c.Token; return nil })
				f.connect(t, "a", "token-a")
				f.elsewhere(t, "b", "token-b")
				nodes := &others{now: view{present: both, follows: true}}
				f.heirs(t, adopt, nodes, "token-a")
				pass(every + 1)
				nodes.see(view{present: alone, follows: true})
				pass(every)
				if got := f.registry.Count(); got != 2 {
					t.Errorf("who does not lead has inherited: %d connections are left", got)
				}
				nodes.see(view{present: alone})
				pass(every)
				c, err := f.registry.ByRequestID(t.Context(), "b")
				if adopt && (err != nil || c.Node != "node-1" || len(observed) != 1) || !adopt && !errors.Is(err, connection.ErrNotFound) {
					t.Errorf("it is %+v, %v; %d were observed", c, err, len(observed))
				}
				f.metrics.want(t, int64(1+len(observed)), 0)
			})
		})
	}
}

func TestWhatAnEarlierLifeLeftIsAdoptedAtTheStart(t *testing.T) { // C8
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		neighbour(t, &f)
		f.sender.EXPECT().Send(gomock.Any(), connection.Token("token-a"), lost)
		c := connection.Connection{RequestID: "a", Token: "token-a", Node: "node-1"}
		if _, err := f.registry.Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		f.elsewhere(t, "b", "token-b")
		f.heirs(t, true, &others{now: view{present: both}})
		synctest.Wait()
		f.metrics.want(t, 1, 0)
	})
}

func TestHeritageThatCannotBeReadIsReadLater(t *testing.T) { // C8
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		neighbour(t, &f)
		f.elsewhere(t, "b", "token-b")
		h := f.heirs(t, false, &others{now: view{present: alone}})
		h.down.Store(true)
		pass(every + 1)
		h.down.Store(false)
		pass(every)
		if got := f.registry.Count(); got != 0 {
			t.Errorf("%d are left", got)
		}
		f.wantLog(t, "level=WARN", "could not be listed")
	})
}

func TestWhatWentAstrayIsMadeTrueAgain(t *testing.T) { // C1, C3, C9
	for name, adopt := range map[string]bool{"with an embedded gateway": false, "with an external one": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { astray(t, adopt) })
		})
	}
}

// astray has a node find out what the others did while it was believed gone.
func astray(t *testing.T, adopt bool) {
	f := newFixture(t)
	neighbour(t, &f)
	h := &heritage{fixture: f}
	view := &rosterView{Registry: f.registry, own: map[connection.Token]connection.Connection{}}
	f.Manager = f.over(view)
	t.Cleanup(func() { _ = f.Stop(context.WithoutCancel(t.Context())) })
	for id, token := range map[connection.RequestID]connection.Token{"same": "token-1", "gone": "token-2", "taken": "token-3", "newer": "token-4"} {
		f.connect(t, id, token)
		c := connection.Connection{RequestID: id, Token: token, Node: "node-1"}
		view.own[token] = c
		h.mine, h.own = append(h.mine, c), append(h.own, token)
	}
	h.mine = append(h.mine, connection.Connection{RequestID: "ended", Token: "token-0", Node: "node-1"})
	remove(t, f, "token-2", "token-3", "token-4")
	f.elsewhere(t, "taken", "token-3")
	f.elsewhere(t, "newer", "token-5")
	f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-4"), replaced)

	nodes := &others{now: view2(true)}
	f.serveHeirs(t, adopt, h, nodes)
	pass(every + 1)
	if len(h.mine) == 0 {
		t.Error("it did something though the others believe that it is gone")
	}
	nodes.see(view2(false))
	pass(every)
	_, err := f.registry.ByRequestID(t.Context(), "gone")
	if back := err == nil; back == adopt {
		t.Errorf("what the others had removed: %v", err)
	}
	slices.Sort(h.forgot)
	want := []connection.Token{"token-3"}
	if adopt {
		want = []connection.Token{"token-2", "token-3"}
	}
	if !slices.Equal(h.forgot, want) {
		t.Errorf("forgotten were %q, want %q", h.forgot, want)
	}
}

func view2(absent bool) view { return view{present: both, follows: true, absent: absent} }

// rosterView finds this node's own tokens, as one does that has a roster.
type rosterView struct {
	*memregistry.Registry

	own map[connection.Token]connection.Connection
}

func (r *rosterView) ByToken(ctx context.Context, token connection.Token) (connection.Connection, error) {
	if c, known := r.own[token]; known {
		return c, nil
	}
	return r.Registry.ByToken(ctx, token)
}

func TestWhatAFailedConnectLeftIsRemovedOnceTheRegistryCanBeWritten(t *testing.T) { // C9
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		neighbour(t, &f)
		c := connection.Connection{RequestID: "a", Token: "token-a", Node: "node-1"}
		h := mocks.NewMockOrphans(gomock.NewController(t))
		h.EXPECT().List(gomock.Any(), gomock.Any()).AnyTimes()
		h.EXPECT().Mismatches().Return(nil, []connection.Connection{c})
		h.EXPECT().Mismatches().AnyTimes()
		gomock.InOrder(
			h.EXPECT().Delete(gomock.Any(), c).Return(connection.ErrUnavailable).Call,
			h.EXPECT().Delete(gomock.Any(), c).Call,
		)
		f.serveHeirs(t, false, h, &others{now: view2(false)})
		pass(3*every + 1)
		f.wantLog(t, "level=WARN", "trying again", "count=1")
	})
}

func remove(t *testing.T, f fixture, tokens ...connection.Token) {
	t.Helper()
	for _, token := range tokens {
		if _, err := f.registry.Remove(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
}
