package gatewayrole_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/inbound/gatewayrole"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/test/mocks"
	"heliograph/test/sseclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unmeasured is a gateway.Metrics.
type unmeasured struct{}

func (unmeasured) Sent(event.Service, int, int)      {}
func (unmeasured) Took(event.Service, time.Duration) {}

// rig is the endpoints on real servers, with a real engine, a relay that is a
// mock, and the calls of that mock.
type rig struct {
	t        *testing.T
	engine   *sse.Engine
	role     *gatewayrole.Gateway
	relay    *mocks.MockGatewayRelay
	url      string
	internal string // where the backend pushes

	opened   chan connection.Token
	accepted gateway.Acceptance // what the backend says of the streams that it accepts
	ended    chan connection.Reason
}

type setup struct {
	engine sse.Config
	role   gatewayrole.Config
}

func newRig(t *testing.T, s setup) *rig {
	t.Helper()
	s.engine.Start, s.engine.HistoryBytes, s.engine.Format = event.ID{Epoch: "e"}, 1<<20, s.role.Format
	r := &rig{
		t: t, engine: sse.New(s.engine, unmeasured{}), relay: mocks.NewMockGatewayRelay(gomock.NewController(t)),
		opened: make(chan connection.Token, 100), ended: make(chan connection.Reason, 100),
	}
	r.relay.EXPECT().End(gomock.Any(), gomock.Any()).AnyTimes().
		Do(func(_ connection.Token, why connection.Reason) { r.ended <- why })
	r.role = gatewayrole.New(s.role, r.engine, r.relay, slog.New(slog.DiscardHandler))

	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() { _ = r.engine.Serve(ctx) })
	for s.engine.Shards >= 0 && !r.engine.Adopts() {
		runtime.Gosched() // Serve begins
	}
	public := httpserver.New(httpserver.Config{Variable: "HTTP_ADDR", Addr: "127.0.0.1:0"}, r.role.Handler(), slog.New(slog.DiscardHandler))
	if err := public.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	serving.Go(func() { _ = public.Serve(ctx) })
	r.url = "http://" + public.Addr().String()
	r.internal = r.url
	if s.role.Separate {
		internal := httptest.NewServer(r.role.InternalHandler(http.NotFoundHandler()))
		t.Cleanup(internal.Close)
		r.internal = internal.URL
	}
	t.Cleanup(func() {
		stop()
		if err := public.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		serving.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

// accept has the backend accept streams; meanwhile it calls pending.
func (r *rig) accept(pending func(connection.Token, gateway.Request)) {
	r.relay.EXPECT().Open(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes().
		DoAndReturn(func(_ context.Context, token connection.Token, req gateway.Request) (gateway.Acceptance, error) {
			if pending != nil {
				pending(token, req)
			}
			r.opened <- token
			return r.accepted, nil
		})
}

// stream opens one, and returns it with its token.
func (r *rig) stream(target string) (*sseclient.Stream, connection.Token) {
	r.t.Helper()
	s, err := sseclient.New(r.url + target).Connect(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(s.Close)
	return s, <-r.opened
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(method, url, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// want posts to an endpoint and checks status and body: the whole of it, or an
// error's code.
func (r *rig) want(path, body string, status int, want string) {
	r.t.Helper()
	got := r.do(http.MethodPost, r.internal+path, body)
	if got.status != status || got.body != want && codeOf(got.body) != want {
		r.t.Errorf("POST %s %.100s: %d %s; want %d %s", path, body, got.status, got.body, status, want)
	}
}

// codeOf returns the code of an error's body.
func codeOf(body string) string {
	var e struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal([]byte(body), &e) != nil || e.Error.Message == "" {
		return "no error: " + body
	}
	return e.Error.Code
}

// push is the body of a push.
func push(token connection.Token, event string, more ...string) string {
	return `{"token":"` + string(token) + `","event":` + event + strings.Join(more, "") + `}`
}

// await returns the next n events of a stream.
func await(t *testing.T, s *sseclient.Stream, n int) []sseclient.Event {
	t.Helper()
	_, err := s.Wait(t.Context(), func(sseclient.Item) bool { return len(s.Events()) >= n })
	if err != nil {
		t.Fatalf("want %d events, got %+v: %v", n, s.Events(), err)
	}
	return s.Events()[:n]
}
