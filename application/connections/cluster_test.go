package connections_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/mock/gomock"

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
		control.EXPECT().Close(gomock.Any(), "node-2", connection.Token("token-b"), replaced).Return(gateway.ErrNodeAway)
		f.connect(t, "b", "token-c")
		synctest.Wait()
		f.wantLog(t, "level=WARN", "could not be closed", "request_id=b")
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
func (o *others) Present() []string       { return o.view().present }
func (o *others) Leads() bool             { return !o.view().follows }

var both, alone = []string{"node-1", "node-2"}, []string{"node-1"}

// heritage is a connection.Heritage over the fixture's registry.
type heritage struct {
	fixture

	down   atomic.Bool
	own    []connection.Token // in the node's roster
	forgot []connection.Token
}

func (h *heritage) Left(_ context.Context, present func(string) bool) (left []connection.Connection, err error) {
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

func (h *heritage) Take(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	c.Node = "node-1"
	if _, err := h.registry.Remove(ctx, c.Token); err != nil {
		return c, err
	}
	_, err := h.registry.Put(ctx, c)
	return c, err
}

func (h *heritage) Forgo(token connection.Token) bool {
	h.forgot = append(h.forgot, token)
	return true
}

const every = 5 * time.Second

// heirs starts Heirs, until the test ends.
func (f fixture) heirs(t *testing.T, adopt bool, nodes *others, own ...connection.Token) *heritage {
	t.Helper()
	h := &heritage{fixture: f, own: own}
	heirs := connections.NewHeirs(connections.HeirsConfig{Every: every, Adopt: adopt}, f.Manager, h, f.registry, nodes)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- heirs.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
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
				control := neighbour(t, &f)
				control.EXPECT().Ended(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().Return(gateway.ErrNodeAway)
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
		neighbour(t, &f).EXPECT().Ended(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any())
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

func TestANodeThatWasBelievedGoneMakesItsConnectionsTrueAgain(t *testing.T) { // C1, C9
	for name, adopt := range map[string]bool{"with an embedded gateway": false, "with an external one": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				neighbour(t, &f)
				stale := &staleRoster{}
				for id, token := range map[connection.RequestID]connection.Token{"same": "token-1", "gone": "token-2", "taken": "token-3", "newer": "token-4"} {
					f.connect(t, id, token)
					stale.all = append(stale.all, connection.Connection{RequestID: id, Token: token, Node: "node-1"})
				}
				f.sender.EXPECT().Close(gomock.Any(), connection.Token("token-4"), gomock.Any()).AnyTimes()
				remove(t, f, "token-2", "token-3", "token-4")
				f.elsewhere(t, "taken", "token-3")
				f.elsewhere(t, "newer", "token-5")
				nodes := &others{now: view{present: both, absent: true}}
				h := &heritage{fixture: f, own: []connection.Token{"token-1", "token-2", "token-3", "token-4"}}
				heirs := connections.NewHeirs(connections.HeirsConfig{Every: every, Adopt: adopt}, f.Manager, h, stale, nodes)
				ctx, cancel := context.WithTimeout(t.Context(), 3*every+1)
				defer cancel()
				time.AfterFunc(every+1, func() { nodes.see(view{present: both}) })
				if err := heirs.Serve(ctx); err != nil {
					t.Error(err)
				}
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
			})
		})
	}
}

// staleRoster is what a node had before it was cut off.
type staleRoster struct {
	connection.Roster
	all []connection.Connection
}

func (r *staleRoster) All() iter.Seq[connection.Connection] { return slices.Values(r.all) }

func remove(t *testing.T, f fixture, tokens ...connection.Token) {
	t.Helper()
	for _, token := range tokens {
		if _, err := f.registry.Remove(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
}
