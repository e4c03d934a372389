package httpsender_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a sender at work with a stand-in gateway, in a bubble of fake time:
// synctest.Wait returns when all that can happen has happened.
type harness struct {
	*httpsender.Sender

	gw       *standIn
	network  *network
	registry *memregistry.Registry
	history  *history
	listener *listener
	metrics  *metrics
	logs     *bytes.Buffer // read it after stop
	stop     func()        // ends Serve and waits for it
}

// bubble calls f with a fresh harness, whose gateway has no extensions.
func bubble(t *testing.T, cfg httpsender.Config, f func(t *testing.T, h *harness)) {
	t.Helper()
	bubbleWith(t, newStandIn(), cfg, f)
}

// bubbleWith calls f with a fresh harness of this gateway.
func bubbleWith(t *testing.T, gw *standIn, cfg httpsender.Config, f func(t *testing.T, h *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{
			gw: gw, network: newNetwork(), registry: memregistry.New(), history: newHistory(), metrics: newMetrics(), logs: new(bytes.Buffer),
		}
		h.listener = newListener(h.registry)
		cfg.URL, cfg.Dial, cfg.Start = "http://gateway", h.network.dial, start
		h.start(t, cfg)
		f(t, h)
	})
}

func (h *harness) start(t *testing.T, cfg httpsender.Config) {
	t.Helper()
	server := &http.Server{Handler: h.gw, ErrorLog: log.New(io.Discard, "", 0), ConnContext: nameConns}
	go func() { _ = server.Serve(h.network) }()
	var err error
	h.Sender, err = httpsender.New(cfg, h.registry, h.metrics,
		slog.New(slog.NewTextHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	h.stop = serve(t, h.Sender, h.listener, h.history)
}

// serve has s at work until stop is called, at the latest when t ends.
func serve(t testing.TB, s *httpsender.Sender, l gateway.Listener, h event.History) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// open opens streams at the gateway and registers them; a stream's request_id is
// its token.
func (h *harness) open(t *testing.T, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		h.gw.open(token, &stream{})
		if _, err := h.registry.Put(t.Context(), connection.Connection{
			RequestID: connection.RequestID(token), Token: connection.Token(token),
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// broadcast hands over the next log events, one by one, and waits until all that
// follows from each has happened.
func (h *harness) broadcast(t *testing.T, evs ...event.Event) {
	t.Helper()
	for _, ev := range evs {
		h.handOver(t, ev)
		synctest.Wait()
	}
}

// handOver broadcasts without waiting.
func (h *harness) handOver(t *testing.T, evs ...event.Event) {
	t.Helper()
	for _, ev := range evs {
		if err := h.Broadcast(t.Context(), h.history.append(ev)); err != nil {
			t.Errorf("broadcast: %v", err)
		}
	}
}

func (h *harness) send(t *testing.T, token connection.Token, ev event.Event) {
	t.Helper()
	if err := h.Send(t.Context(), token, ev); err != nil {
		t.Errorf("send: %v", err)
	}
}

// stick makes a stream stuck until release is called.
func (h *harness) stick(token string) (release func()) {
	stuck := make(chan struct{})
	h.gw.with(token, func(s *stream) { s.stuck = stuck })
	return func() {
		h.gw.with(token, func(s *stream) { s.stuck = nil })
		close(stuck)
	}
}

// answer sets the status of a stream's answers; 0 is well-behaved.
func (h *harness) answer(token string, status int) {
	h.gw.with(token, func(s *stream) { s.status = status })
}

// resume resumes a stream whose request_id is its token.
func (h *harness) resume(ctx context.Context, token connection.Token, lastEventID string) {
	h.Resume(ctx, connection.Connection{RequestID: connection.RequestID(token), Token: token}, lastEventID)
}

func (h *harness) wantGot(t *testing.T, token string, want ...string) {
	t.Helper()
	if got := h.gw.got(token); !slices.Equal(got, want) {
		t.Errorf("%s got %q, want %q", token, got, want)
	}
}

// wantIDs checks the IDs of what a stream has got.
func (h *harness) wantIDs(t *testing.T, token string, want ...string) {
	t.Helper()
	h.gw.with(token, func(s *stream) {
		if !slices.Equal(s.ids, want) {
			t.Errorf("%s got the IDs %q, want %q", token, s.ids, want)
		}
	})
}

func (h *harness) wantLanes(t *testing.T, want int) {
	t.Helper()
	synctest.Wait()
	if got := h.Lanes(); got != want {
		t.Errorf("%d lanes exist, want %d", got, want)
	}
}

// pass lets fake time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// network is an in-memory network with one server on it, which can be down.
type network struct {
	accept chan net.Conn
	closed chan struct{}
	close  func()

	mu    sync.Mutex
	down  bool       // guarded by mu, as conns
	conns []net.Conn // the server's ends
}

func newNetwork() *network {
	n := &network{accept: make(chan net.Conn), closed: make(chan struct{})}
	n.close = sync.OnceFunc(func() { close(n.closed) })
	return n
}

// setDown makes the network break all connections and refuse new ones, or not
// any more.
func (n *network) setDown(down bool) {
	n.refuse(down)
	n.mu.Lock()
	defer n.mu.Unlock()
	if down {
		for _, c := range n.conns {
			_ = c.Close()
		}
		n.conns = nil
	}
}

// refuse makes the network refuse new connections, or not any more.
func (n *network) refuse(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: net.ErrClosed}
	}
	ours, theirs := net.Pipe()
	n.conns = append(n.conns, theirs)
	select {
	case n.accept <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.accept:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (n *network) Close() error {
	n.close()
	return nil
}

// Addr implements net.Listener.
func (*network) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

type connKey struct{}

// nameConns gives the requests of a connection a value of their own.
func nameConns(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}
