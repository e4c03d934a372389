package connections_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/outbound/memcontrol"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/adapters/outbound/memrevocations"
	"heliograph/application/connections"
	"heliograph/application/connections/credentials"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/test/contract/credentialscontract"
	"heliograph/test/mocks"
)

const notice = 30 * time.Second

// guarded is a manager of a service with AUTH=required, with all that it tells streams.
type guarded struct {
	fixture

	revocations *memrevocations.Revocations
	begun       time.Time

	mu   sync.Mutex
	told []string // guarded by mu
}

// newGuarded returns one on a registry, nil is a new one, whose credentials are served.
func newGuarded(t *testing.T, registry *memregistry.Registry) *guarded {
	t.Helper()
	g := &guarded{fixture: newFixture(t), revocations: memrevocations.New(time.Hour), begun: time.Now()}
	if registry != nil {
		g.registry = registry
		for range registry.Count() {
			g.metrics.Connected() // as bootstrap counts them
		}
	}
	g.sender.EXPECT().Send(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(func(_ context.Context, token connection.Token, ev event.Event) error {
		g.tell(token, ev, "")
		return nil
	})
	g.sender.EXPECT().Close(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(func(_ context.Context, token connection.Token, last event.Event) error {
		g.tell(token, last, " and the end")
		return nil
	})
	g.sender.EXPECT().Resume(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	g.Manager = g.manager(g.registry)
	g.serve(t)
	synctest.Wait() // it watches from now on
	return g
}

func (g *guarded) manager(r connection.Registry) *connections.Manager {
	return connections.New(connections.Config{
		Node: "node-1", ObserverTimeout: limit, Credentials: credentials.Config{Notice: notice, Required: true},
	}, connections.Deps{
		Registry: r, Roster: g.registry, Sender: g.sender, Control: memcontrol.New(), Revocations: g.revocations, Metrics: g.metrics, Log: g.logs.Logger(),
	})
}

func (g *guarded) serve(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- g.Credentials().Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (g *guarded) tell(token connection.Token, ev event.Event, end string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told = append(g.told, fmt.Sprintf("%v: %s gets %s%s%s", time.Since(g.begun), token, ev.Name, ev.Data, end))
}

// want checks what streams were told since it was last called.
func (g *guarded) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(g.told)
	if diff := cmp.Diff(want, g.told); diff != "" {
		t.Errorf("streams were told (-want +got):\n%s", diff)
	}
	g.told = nil
}

func pass(d time.Duration) { <-time.After(d) }

// ann returns a principal whose credential ends after that time.
func ann(d time.Duration) *access.Principal {
	return &access.Principal{Subject: "ann", CredentialID: "jti-ann", Issued: time.Now().UTC(), Expires: time.Now().Add(d).UTC().Round(0)}
}

func (g *guarded) connectAs(t *testing.T, p *access.Principal, id connection.RequestID, token connection.Token) {
	t.Helper()
	if _, err := g.Connect(access.NewContext(t.Context(), p), id, token, ""); err != nil {
		t.Fatal(err)
	}
}

func (g *guarded) wantOpen(t *testing.T, want ...connection.Token) {
	t.Helper()
	synctest.Wait()
	var open []connection.Token
	for c := range g.registry.All() {
		open = append(open, c.Token)
	}
	slices.Sort(open)
	if diff := cmp.Diff(want, open); diff != "" {
		t.Errorf("open are (-want +got):\n%s", diff)
	}
	if got := g.metrics.connects.Load() - g.metrics.disconnects.Load(); got != int64(len(want)) {
		t.Errorf("%d are counted as open, want %d", got, len(want))
	}
}

func TestAStreamIsToldThatItsCredentialEndsAndThenEnds(t *testing.T) { // A17, C9
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		g.connectAs(t, ann(time.Minute), "a", "token-a")
		g.connectAs(t, ann(10*time.Second), "b", "token-b")
		g.connectAs(t, &access.Principal{Subject: "key:ci"}, "c", "token-c") // an API key that never ends
		g.connectAs(t, ann(20*time.Second), "d", "token-d")
		g.Disconnect(t.Context(), "token-d", connection.ReasonClientClosed)
		pass(time.Hour)
		g.want(t,
			`0s: token-b gets auth_expiring{"expires_at":"2000-01-01T00:00:10Z"}`,
			`10s: token-b gets auth_expired{} and the end`,
			`1m0s: token-a gets auth_expired{} and the end`,
			`30s: token-a gets auth_expiring{"expires_at":"2000-01-01T00:01:00Z"}`)
		g.wantOpen(t, "token-c")
		g.connectAs(t, ann(time.Minute), "a", "token-e") // comes back with a new credential
		g.wantOpen(t, "token-c", "token-e")
	})
}

func TestAReplacedStreamIsToldNothingOfItsCredential(t *testing.T) { // A17, C3
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		g.connectAs(t, ann(time.Minute), "a", "token-a")
		g.connectAs(t, ann(2*time.Minute), "a", "token-b")
		pass(100 * time.Second)
		g.want(t, "0s: token-a gets replaced{} and the end", `1m30s: token-b gets auth_expiring{"expires_at":"2000-01-01T00:02:00Z"}`)
		g.wantOpen(t, "token-b")
	})
}

func TestARenewedStreamGoesOn(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		g.connectAs(t, ann(time.Minute), "a", "token-a")
		pass(40 * time.Second)
		g.want(t, `30s: token-a gets auth_expiring{"expires_at":"2000-01-01T00:01:00Z"}`)
		if err := g.Credentials().Renew(t.Context(), "a", ann(2*time.Minute)); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		g.want(t, `2m10s: token-a gets auth_expiring{"expires_at":"2000-01-01T00:02:40Z"}`, `2m40s: token-a gets auth_expired{} and the end`)
		g.wantOpen(t)
	})
}

func TestStreamsOfAnEarlierRunEndWithTheirCredentials(t *testing.T) { // A17, C8
	synctest.Test(t, func(t *testing.T) {
		registry := memregistry.New()
		for _, c := range []connection.Connection{
			{RequestID: "a", Token: "token-a", Node: "node-1", Principal: ann(time.Minute)},
			{RequestID: "b", Token: "token-b", Node: "node-1", Principal: ann(-time.Minute)},
			{RequestID: "c", Token: "token-c", Node: "node-1"}, // from when authentication was off
		} {
			if _, err := registry.Put(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		g := newGuarded(t, registry)
		g.want(t, "0s: token-b gets auth_expired{} and the end", "0s: token-c gets auth_expired{} and the end")
		pass(time.Hour)
		g.want(t, "1m0s: token-a gets auth_expired{} and the end", `30s: token-a gets auth_expiring{"expires_at":"2000-01-01T00:01:00Z"}`)
		g.wantOpen(t)
	})
}

func TestAnAdoptedOrphanEndsWithItsCredential(t *testing.T) { // A17, A18, C8
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		from := mocks.NewMockOrphans(gomock.NewController(t))
		from.EXPECT().Adopt(gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(func(ctx context.Context, c connection.Connection) (connection.Connection, error) {
			c.Node = "node-1"
			_, err := g.registry.Put(ctx, c)
			return c, err
		})
		revoked := ann(time.Hour)
		revoked.CredentialID = "revoked"
		g.revoke(t, access.Revocation{CredentialID: "revoked", Before: time.Now().Add(time.Second)})
		for _, c := range []connection.Connection{
			{RequestID: "a", Token: "token-a", Node: "node-2", Principal: ann(time.Minute)},
			{RequestID: "b", Token: "token-b", Node: "node-2", Principal: revoked},
			{RequestID: "c", Token: "token-c", Node: "node-2"},
		} {
			if err := g.AdoptOrphan(t.Context(), c, from); err != nil {
				t.Error(err)
			}
		}
		g.want(t,
			`0s: token-a gets stream_reset{"reason":"epoch"}`, "0s: token-b gets auth_expired{} and the end", "0s: token-c gets auth_expired{} and the end")
		pass(time.Hour)
		g.want(t, "1m0s: token-a gets auth_expired{} and the end", `30s: token-a gets auth_expiring{"expires_at":"2000-01-01T00:01:00Z"}`)
		g.wantOpen(t)
	})
}

func TestAStreamWhosePrincipalIsForgottenIsNotAdopted(t *testing.T) { // A12, C8
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		g.connectAs(t, ann(time.Hour), "a", "token-a")
		g.Found(t.Context(), "a", "token-a") // known
		g.Found(t.Context(), "b", "token-b") // the registry was in memory, and the service restarted
		g.want(t, "0s: token-b gets auth_expired{} and the end")
		g.wantOpen(t, "token-a")
	})
}

func TestNoStreamIsOpenedWithoutAPrincipal(t *testing.T) { // A1, A9
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		if _, err := g.Connect(t.Context(), "a", "token-a", ""); !errors.Is(err, access.ErrNoCredential) {
			t.Errorf("Connect: %v, want ErrNoCredential", err)
		}
		g.wantOpen(t)
	})
}

func (g *guarded) revoke(t *testing.T, r access.Revocation) {
	t.Helper()
	if err := g.revocations.Revoke(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func TestRevokedStreamsEnd(t *testing.T) { // A18
	const expired, disconnected = "auth_expired{} and the end", " and the end"
	for name, c := range map[string]struct {
		revoke func(now time.Time) access.Revocation
		ends   []string
		last   string
	}{
		"by subject": {
			func(now time.Time) access.Revocation {
				return access.Revocation{Subject: "ann", Before: now.Add(time.Second)}
			},
			[]string{"a1", "a2"},
			expired,
		},
		"of a credential": {func(now time.Time) access.Revocation {
			return access.Revocation{CredentialID: "two", Before: now.Add(time.Second)}
		}, []string{"a2", "b2"}, expired},
		"of one of a subject's": {func(now time.Time) access.Revocation {
			return access.Revocation{Subject: "ann", CredentialID: "two", Before: now.Add(time.Second)}
		}, []string{"a2"}, expired},
		"issued before it only": {func(now time.Time) access.Revocation {
			return access.Revocation{Subject: "ann", Before: now.Add(-time.Second)}
		}, nil, ""},
		"by request_id":       {func(time.Time) access.Revocation { return access.Revocation{RequestID: "b2"} }, []string{"b2"}, disconnected},
		"a subject's, now":    {func(time.Time) access.Revocation { return access.Revocation{Subject: "bob"} }, []string{"b2"}, disconnected},
		"a credential's, now": {func(time.Time) access.Revocation { return access.Revocation{CredentialID: "one"} }, []string{"a1"}, disconnected},
		"nobody's":            {func(time.Time) access.Revocation { return access.Revocation{Subject: "eve", RequestID: "a1"} }, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuarded(t, nil)
				open := []connection.Token{"token-a1", "token-a2", "token-b2", "token-z"}
				g.connectAs(t, &access.Principal{Subject: "ann", CredentialID: "one", Issued: time.Now()}, "a1", "token-a1")
				g.connectAs(t, &access.Principal{Subject: "ann", CredentialID: "two", Issued: time.Now()}, "a2", "token-a2")
				g.connectAs(t, &access.Principal{Subject: "bob", CredentialID: "two", Issued: time.Now()}, "b2", "token-b2")
				g.connectAs(t, &access.Principal{Subject: "root", Scopes: access.AllScopes}, "z", "token-z") // sees all, and is not the one that is meant
				g.revoke(t, c.revoke(time.Now()))
				var want []string
				for _, id := range c.ends {
					want = append(want, fmt.Sprintf("0s: token-%s gets %s", id, c.last))
					open = slices.DeleteFunc(open, func(token connection.Token) bool { return token == connection.Token("token-"+id) })
				}
				g.want(t, want...)
				g.wantOpen(t, open...)
			})
		})
	}
}

// revokingRegistry revokes when a connection is being put: after its credential was
// checked, and before it can be found.
type revokingRegistry struct {
	connection.Registry

	revoke func()
}

func (r revokingRegistry) Put(ctx context.Context, c connection.Connection) (connection.Connection, error) {
	r.revoke()
	return r.Registry.Put(ctx, c)
}

func TestAConnectThatIsRevokedMeanwhileIsRefused(t *testing.T) { // A18, C9
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		m := g.manager(revokingRegistry{g.registry, func() { g.revoke(t, access.Revocation{Subject: "ann", Before: time.Now().Add(time.Second)}) }})
		_, err := m.Connect(access.NewContext(t.Context(), ann(time.Hour)), "a", "token-a", "")
		if refused, ok := errors.AsType[*access.RefusedError](err); !ok || refused.Code != access.RefusedRevoked {
			t.Errorf("Connect: %v, want that it was revoked", err)
		}
		g.wantOpen(t)
	})
}

func TestNoConnectSurvivesARevocationAtTheSameTime(t *testing.T) { // A18, C9
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			g := newGuarded(t, nil)
			var all sync.WaitGroup
			for i := range 50 {
				all.Go(func() {
					p := ann(time.Hour)
					_, _ = g.Connect(access.NewContext(t.Context(), p), connection.RequestID(fmt.Sprint("id-", i)), connection.Token(fmt.Sprint("token-", i)), "")
				})
			}
			all.Go(func() { g.revoke(t, access.Revocation{Subject: "ann", Before: time.Now().Add(time.Second)}) })
			all.Wait()
			g.wantOpen(t)
		})
	}
}

func TestRevocationsAreWatchedWhileCredentialsAreServed(t *testing.T) { // A18
	f := newFixture(t)
	revocations := mocks.NewMockRevocations(gomock.NewController(t))
	watched, stopped := make(chan struct{}), make(chan struct{})
	revocations.EXPECT().Watch(gomock.Any()).DoAndReturn(func(func(access.Revocation)) func() {
		close(watched)
		return func() { close(stopped) }
	})
	m := connections.New(connections.Config{}, connections.Deps{
		Registry: f.registry, Roster: f.registry, Control: memcontrol.New(), Revocations: revocations, Log: f.logs.Logger(),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Credentials().Serve(ctx) }()
	<-watched
	cancel()
	<-stopped
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestARenewalThatIsRevokedEndsTheStream(t *testing.T) { // A17, A18
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t, nil)
		g.connectAs(t, ann(time.Minute), "a", "token-a")
		g.revoke(t, access.Revocation{CredentialID: "next", Before: time.Now().Add(time.Second)})
		next := ann(time.Hour)
		next.CredentialID = "next"
		if _, ok := errors.AsType[*access.RefusedError](g.Credentials().Renew(t.Context(), "a", next)); !ok {
			t.Error("it was renewed")
		}
		g.want(t, "0s: token-a gets auth_expired{} and the end")
		g.wantOpen(t)
	})
}

// afterAnExpiryThatFails returns a manager whose sender has answered the notice and the end
// of one stream with these errors.
func afterAnExpiryThatFails(t *testing.T, notice, end error) *guarded {
	t.Helper()
	g := newGuarded(t, nil)
	sender := mocks.NewMockGatewaySender(gomock.NewController(t))
	sender.EXPECT().Send(gomock.Any(), gomock.Any(), gomock.Any()).Return(notice)
	sender.EXPECT().Close(gomock.Any(), gomock.Any(), gomock.Any()).Return(end)
	g.sender = sender
	g.Manager = g.manager(g.registry)
	g.serve(t)
	g.connectAs(t, ann(time.Minute), "a", "token-a")
	pass(time.Hour)
	synctest.Wait()
	return g
}

func TestWhatCannotBeToldOrEndedIsLogged(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		g := afterAnExpiryThatFails(t, gateway.ErrStreamFull, gateway.ErrOverflow)
		g.logs.Want(t, "level=WARN", "could not be told", "request_id=a")
		g.logs.Want(t, "level=WARN", "could not be ended", "request_id=a", "auth_expired")
		g.wantOpen(t)
	})
}

func TestAStreamThatTheGatewayDoesNotKnowAnyMoreIsNotWarnedAbout(t *testing.T) { // A17
	synctest.Test(t, func(t *testing.T) {
		g := afterAnExpiryThatFails(t, gateway.ErrUnknownToken, gateway.ErrUnknownToken)
		if g.logs.Has("level=WARN") {
			t.Errorf("it is: %s", g.logs)
		}
		g.wantOpen(t)
	})
}

// nodes is the gateway.Control of one of two nodes, in one process.
type nodes struct {
	gateway.Control // of which two methods are needed

	self string
	peer func() gateway.Peer // of the other node; nil: it is away
}

func (n nodes) Owns(node string) bool { return node == n.self }

func (n nodes) Renew(ctx context.Context, _ string, token connection.Token, p *access.Principal) error {
	if n.peer == nil {
		return gateway.ErrNodeAway
	}
	return n.peer().Renew(ctx, token, p)
}

func TestCredentialsContract(t *testing.T) {
	for name, asked := range map[string]int{"of the node that has the stream": 0, "of another node": 1} {
		t.Run(name, func(t *testing.T) {
			credentialscontract.Run(t, func(t *testing.T) credentialscontract.Subject {
				f := newFixture(t)
				var managers [2]*connections.Manager
				for i, self := range []string{"node-1", "node-2"} {
					managers[i] = connections.New(connections.Config{Node: self}, connections.Deps{
						Registry: f.registry, Roster: f.registry, Sender: f.sender, Metrics: f.metrics, Log: f.logs.Logger(),
						Control: nodes{self: self, peer: func() gateway.Peer { return connections.NewPeer(managers[1-i]) }},
					})
				}
				return credentialscontract.Subject{
					Credentials: managers[asked].Credentials(),
					Open: func(t *testing.T, id connection.RequestID, token connection.Token, p *access.Principal) {
						t.Helper()
						if _, err := managers[0].Connect(access.NewContext(t.Context(), p), id, token, ""); err != nil {
							t.Fatal(err)
						}
					},
					End: func(t *testing.T, token connection.Token) {
						t.Helper()
						managers[0].Disconnect(t.Context(), token, connection.ReasonClientClosed)
					},
					Principal: func(t *testing.T, id connection.RequestID) *access.Principal {
						t.Helper()
						c, _ := f.registry.ByRequestID(t.Context(), id)
						return c.Principal
					},
				}
			})
		})
	}
}

func TestAStreamOfANodeThatIsAwayCannotBeRenewedNow(t *testing.T) { // A17
	f := newFixture(t)
	control := neighbour(t, &f)
	c := connection.Connection{RequestID: "a", Token: "token-a", Node: "node-2", Principal: ann(time.Hour)}
	if _, err := f.registry.Put(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	control.EXPECT().Renew(gomock.Any(), "node-2", c.Token, gomock.Any()).Return(gateway.ErrNodeAway)
	if err := f.Credentials().Renew(t.Context(), "a", ann(2*time.Hour)); !errors.Is(err, connection.ErrUnavailable) {
		t.Errorf("Renew: %v, want ErrUnavailable", err)
	}
	peer := connections.NewPeer(f.Manager) // asked by a node that has not heard yet whose it is
	if err := peer.Renew(t.Context(), c.Token, ann(2*time.Hour)); !errors.Is(err, connection.ErrNotFound) {
		t.Errorf("Renew of another node's: %v, want ErrNotFound", err)
	}
}
