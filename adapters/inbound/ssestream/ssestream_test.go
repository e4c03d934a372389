package ssestream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/http/httpserver"
	"heliograph/adapters/http/paths"
	"heliograph/adapters/inbound/ssestream"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/test/mocks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = event.ID{Epoch: "e1"}

// bench is the endpoint on a real server, with a real engine.
type bench struct {
	engine  *sse.Engine
	manager *mocks.MockConnectionManager
	opening *mocks.MockConnectionOpening // of a connect that succeeds
	url     string
}

func newBench(t *testing.T, cfg sse.Config) *bench {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	ctrl := gomock.NewController(t)
	metrics := mocks.NewMockGatewayMetrics(ctrl)
	metrics.EXPECT().Sent(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	metrics.EXPECT().Took(gomock.Any(), gomock.Any()).AnyTimes()
	cfg.Start, cfg.HistoryBytes = start, 1<<20
	b := &bench{engine: sse.New(cfg, metrics), manager: mocks.NewMockConnectionManager(ctrl), opening: mocks.NewMockConnectionOpening(ctrl)}

	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() { _ = b.engine.Serve(ctx) })
	router := gin.New()
	ssestream.New(b.engine, cfg.Format, b.manager, nil, nil, slog.New(slog.DiscardHandler)).Register(router)
	server := httpserver.New(httpserver.Config{Variable: "HTTP_ADDR", Addr: "127.0.0.1:0"}, router, slog.New(slog.DiscardHandler))
	if err := server.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	serving.Go(func() { _ = server.Serve(ctx) })
	b.url = "http://" + server.Addr().String() + paths.Stream
	t.Cleanup(func() {
		stop()
		if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		serving.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	return b
}

// get requests path with headers, in pairs.
func (b *bench) get(t *testing.T, query string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// body reads an answer to its end.
func body(t *testing.T, res *http.Response) string {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantLines checks the next lines of a stream.
func wantLines(t *testing.T, in *bufio.Reader, lines ...string) {
	t.Helper()
	for _, want := range lines {
		got, err := in.ReadString('\n')
		if err != nil || got != want+"\n" {
			t.Fatalf("line %q (%v), want %q", got, err, want)
		}
	}
}

func note(text string) event.Event {
	return event.Event{Service: event.ServiceTask, Name: "note", Data: []byte(text)}
}

func TestAStreamTakesEventsBeforeTheManagerIsCalled(t *testing.T) { // G1, G9, C5
	t.Parallel()
	b := newBench(t, sse.Config{})
	var token connection.Token
	connect := b.manager.EXPECT().Connect(gomock.Any(), connection.RequestID("me"), gomock.Any(), gomock.Any()).
		DoAndReturn(func(_ context.Context, _ connection.RequestID, tok connection.Token, _ string) (connection.Opening, error) {
			token = tok
			if err := b.engine.Broadcast(event.Record{ID: event.ID{Epoch: "e1", Seq: 1}, Event: note("1")}); err != nil {
				t.Errorf("broadcast: %v", err)
			}
			if err := b.engine.Send(tok, note("2")); err != nil {
				t.Errorf("a token that the manager has got cannot be sent to: %v", err)
			}
			return b.opening, nil
		})
	opened := make(chan struct{})
	b.opening.EXPECT().OpenedHere().After(connect.Call).Do(func() { close(opened) })
	disconnected := make(chan connection.Reason, 1)
	b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any()).
		Do(func(ctx context.Context, tok connection.Token, why connection.Reason) {
			if tok != token || ctx.Err() != nil {
				t.Errorf("disconnected with another token or an ended context")
			}
			disconnected <- why
		})

	res := b.get(t, "?request_id=me")
	<-opened
	in := bufio.NewReader(res.Body)
	wantLines(t, in, "id: e1-1", "event: note", "data: 1", "", "id: e1-1", "event: note", "data: 2", "")
	_ = res.Body.Close()
	if why := <-disconnected; why != connection.ReasonClientClosed {
		t.Errorf("disconnected for %q, want client_closed", why)
	}
}

func TestHeadersWaitForNoObserver(t *testing.T) { // C7, G9
	t.Parallel()
	b := newBench(t, sse.Config{})
	headers := make(chan struct{})
	var token connection.Token
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).
		DoAndReturn(func(_ context.Context, _ connection.RequestID, tok connection.Token, _ string) (connection.Opening, error) {
			token = tok
			return b.opening, nil
		})
	b.opening.EXPECT().OpenedHere().Do(func() {
		<-headers
		if err := b.engine.Send(token, note("1")); err != nil {
			t.Errorf("send: %v", err)
		}
	})
	b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any())
	res := b.get(t, "?request_id=me")
	close(headers)
	wantLines(t, bufio.NewReader(res.Body), "id: e1-0", "event: note", "data: 1", "")
	_ = b.engine.Drain(t.Context())
}

func TestStreamIsServedWhereNoConnectionCanBeTaken(t *testing.T) { // G1
	t.Parallel()
	b := newBench(t, sse.Config{})
	router := gin.New()
	ssestream.New(b.engine, wire.FormatNamed, b.manager, nil, nil, slog.New(slog.DiscardHandler)).Register(router)
	plain := httptest.NewServer(router)
	defer plain.Close()
	b.url = plain.URL + paths.Stream
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(b.opening, nil)
	b.opening.EXPECT().Opened()
	b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), connection.ReasonServerClosed)
	res := b.get(t, "?request_id=me")
	_ = b.engine.Drain(t.Context())
	if text := body(t, res); !strings.HasPrefix(text, "retry: ") {
		t.Errorf("the stream is %q, want a retry", text)
	}
}

func TestStreamHeadersKeepProxiesFromBuffering(t *testing.T) { // G7
	t.Parallel()
	b := newBench(t, sse.Config{})
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(b.opening, nil)
	b.opening.EXPECT().OpenedHere()
	b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any())
	res := b.get(t, "?request_id=me", "Accept-Encoding", "gzip, br")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "Connection": "keep-alive",
		"X-Accel-Buffering": "no", "Incremental": "?1", "Content-Encoding": "", "Content-Length": "",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := b.engine.Drain(t.Context()); err != nil {
		t.Errorf("drain: %v", err)
	}
	_ = body(t, res)
}

// A client that has not had a ping yet knows how long it may wait for one. It is the
// interval of pings, or without them that of heartbeats.
func TestAnswerSaysHowOftenSomethingComes(t *testing.T) { // B6, G5
	t.Parallel()
	for want, cfg := range map[string]sse.Config{
		"":    {},
		"10":  {Heartbeat: 10 * time.Second},
		"2.5": {Heartbeat: 10 * time.Second, Ping: 2500 * time.Millisecond},
	} {
		for shards := range 2 { // -1 has net/http write the answer
			cfg.Shards = -shards
			b := newBench(t, cfg)
			b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(b.opening, nil)
			b.opening.EXPECT().OpenedHere().AnyTimes()
			b.opening.EXPECT().Opened().AnyTimes()
			b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any())
			res := b.get(t, "?request_id=me")
			if got := res.Header.Get("Heliograph-Interval"); got != want {
				t.Errorf("%v: Heliograph-Interval is %q, want %q", cfg, got, want)
			}
			if err := b.engine.Drain(t.Context()); err != nil {
				t.Errorf("drain: %v", err)
			}
			_ = body(t, res)
		}
	}
}

func TestClientResumesByHeaderOrElseByQuery(t *testing.T) { // G2
	t.Parallel()
	for name, c := range map[string]struct {
		query   string
		headers []string
		want    string
	}{
		"header":                       {"", []string{"Last-Event-ID", "e1-2"}, "id: e1-3"},
		"query":                        {"&last_event_id=e1-1", nil, "id: e1-2"},
		"the header is newer":          {"&last_event_id=e1-1", []string{"Last-Event-ID", "e1-2"}, "id: e1-3"},
		"what makes no sense is reset": {"&last_event_id=e1-1%0A", nil, "id: e1-3"},
		"G3 another epoch":             {"", []string{"Last-Event-ID", "e0-1"}, "id: e1-3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sse.Config{})
			for seq := range uint64(3) {
				if err := b.engine.Broadcast(event.Record{ID: event.ID{Epoch: "e1", Seq: seq + 1}, Event: note("1")}); err != nil {
					t.Fatal(err)
				}
			}
			b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(b.opening, nil)
			b.opening.EXPECT().OpenedHere()
			b.manager.EXPECT().Disconnect(gomock.Any(), gomock.Any(), gomock.Any())
			res := b.get(t, "?request_id=me"+c.query, c.headers...)
			wantLines(t, bufio.NewReader(res.Body), c.want)
			_ = b.engine.Drain(t.Context())
		})
	}
}

func TestBadRequestIDIsRefusedAndChangesNothing(t *testing.T) { // C1, C2, S3
	t.Parallel()
	b := newBench(t, sse.Config{}) // its manager expects no call
	for _, query := range []string{
		"", "?request_id=", "?request_id=task:abc", "?request_id=a%20b", "?request_id=a%0Ab", "?request_id=%22",
		"?request_id=a&request_id=b", "?request_id=%zz", "?request_id=" + strings.Repeat("x", 129), "?request_id=" + strings.Repeat("x", 10_000), "?request_id=%C3%BC",
	} {
		res := b.get(t, query)
		if text := body(t, res); res.StatusCode != http.StatusBadRequest || !strings.Contains(text, `"code":"INVALID_REQUEST_ID"`) {
			t.Errorf("%.40s: %d %s", query, res.StatusCode, text)
		}
	}
	if n := b.engine.Stats().Streams; n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

func TestEnvelopeClientIsRejectedOnTheStream(t *testing.T) { // gateway-protocol, "Event formats"
	t.Parallel()
	b := newBench(t, sse.Config{Format: wire.FormatEnvelope})
	res := b.get(t, "?request_id=task:abc")
	text := body(t, res)
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(text, "event: rejected\ndata: {\"status\":400,\"message\":") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
}

func TestFullServiceAsksToComeBackLater(t *testing.T) { // SSE_MAX_CONNECTIONS
	t.Parallel()
	b := newBench(t, sse.Config{MaxStreams: 1})
	taken, err := b.engine.Attach("t", "")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Detach()
	res := b.get(t, "?request_id=me")
	if text := body(t, res); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" ||
		!strings.Contains(text, `"code":"TOO_MANY_CONNECTIONS"`) {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, text)
	}
}

func TestStreamThatComesWhileDrainingIsSentAway(t *testing.T) { // G8
	t.Parallel()
	b := newBench(t, sse.Config{DrainSpread: time.Second})
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(nil, connection.ErrShuttingDown)
	early := b.get(t, "?request_id=me")
	_ = b.engine.Drain(t.Context())
	late := b.get(t, "?request_id=me")
	for _, res := range []*http.Response{early, late} {
		if text := body(t, res); res.StatusCode != http.StatusOK || !strings.HasPrefix(text, "retry: ") || !strings.HasSuffix(text, "\n\n") {
			t.Errorf("%d %q, want 200, a retry and the end", res.StatusCode, text)
		}
	}
}

// away is a History that cannot be read.
type away struct{}

func (away) Newest(context.Context) (event.ID, error) { return event.ID{}, event.ErrUnavailable }

func (away) After(context.Context, event.ID, int) ([]event.Record, error) {
	return nil, event.ErrUnavailable
}

func TestStreamOfANodeThatLagsIsSentAway(t *testing.T) { // G3, G8
	t.Parallel()
	b := newBench(t, sse.Config{History: away{}})
	res := b.get(t, "?request_id=me", "Last-Event-ID", "e1-1")
	if text := body(t, res); res.StatusCode != http.StatusOK || !strings.HasPrefix(text, "retry: ") || strings.Count(text, "\n") != 2 {
		t.Errorf("%d %q, want 200, a retry and the end", res.StatusCode, text)
	}
	if n := b.engine.Stats().Streams; n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

func TestRefusedConnectLeavesNoStream(t *testing.T) { // S3
	t.Parallel()
	b := newBench(t, sse.Config{})
	b.manager.EXPECT().Connect(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(nil, errors.New("registry broke"))
	res := b.get(t, "?request_id=me")
	if text := body(t, res); res.StatusCode != http.StatusInternalServerError || strings.Contains(text, "registry") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	if n := b.engine.Stats().Streams; n != 0 {
		t.Errorf("%d streams are left", n)
	}
}
