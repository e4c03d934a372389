package gatewayrole_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/inbound/gatewayrole"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/sseclient"
)

// transports are the two ways to write a stream, as the engine's Shards.
var transports = map[string]int{"adopted": 1, "portable": -1}

func TestAnyPathIsAStreamAndTheBackendGetsTargetAndHeaders(t *testing.T) { // gateway-protocol: callbacks, the stream
	t.Parallel()
	r := newRig(t, setup{})
	requests := make(chan gateway.Request, 1)
	r.accept(func(_ connection.Token, req gateway.Request) { requests <- req })
	for _, target := range []string{"/", "/a/b/?request_id=x&y=%7B%zz", "//a//../b", "/internal/other", "/healthz/x", "/a%2Fb"} {
		conn, in := dial(t, r.url)
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: my.example\r\nX-Multi: a\r\nX-Multi: b<\r\nCookie: c=\"1\"\r\nCookie: d=2\r\nUser-Agent: one\r\nUser-Agent: two\r\n\r\n", target)
		req := <-requests
		want := `{"cookie":"c=\"1\"; d=2","host":"my.example","user-agent":"one","x-multi":"a, b<"}`
		if req.Target != target || string(req.Headers) != want {
			t.Errorf("%s: the backend got %s, headers %s; want %s", target, req.Target, req.Headers, want)
		}
		if line, _ := in.ReadString('\n'); line != "HTTP/1.1 200 OK\r\n" {
			t.Errorf("%s: %q", target, line)
		}
		_ = conn.Close()
		if why := <-r.ended; why != connection.ReasonClientClosed {
			t.Errorf("%s: ended for %q", target, why)
		}
	}
}

func dial(t *testing.T, url string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, bufio.NewReader(conn)
}

func TestAbsoluteTargetIsMadePathAndQuery(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	requests := make(chan gateway.Request, 1)
	r.accept(func(_ connection.Token, req gateway.Request) { requests <- req })
	conn, _ := dial(t, r.url)
	_, _ = fmt.Fprint(conn, "GET http://my.example/a%2Fb?x=1 HTTP/1.1\r\nHost: my.example\r\n\r\n")
	if req := <-requests; req.Target != "/a%2Fb?x=1" {
		t.Errorf("the backend got %s", req.Target)
	}
}

func TestStreamHasItsHeadersByEitherTransport(t *testing.T) { // G7
	t.Parallel()
	for name, shards := range transports {
		r := newRig(t, setup{engine: sse.Config{Shards: shards, Heartbeat: time.Minute}})
		r.accept(nil)
		s, _ := r.stream("/x")
		for header, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "Connection": "keep-alive", "X-Accel-Buffering": "no", "Incremental": "?1",
			"Access-Control-Allow-Origin": "*", "Content-Encoding": "", "Content-Length": "", "Heliograph-Interval": "60",
		} {
			if got := s.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		s.Close()
		if why := <-r.ended; why != connection.ReasonClientClosed {
			t.Errorf("%s: ended for %q", name, why)
		}
	}
}

func TestRefusedStreamIsAnsweredWithItsReason(t *testing.T) { // gateway-protocol, "Client → gateway"
	t.Parallel()
	rejected := func(status int) error { return fmt.Errorf("ask: %w", &gateway.RejectedError{Status: status}) }
	for _, c := range []struct {
		err    error
		status int
		code   string
		stream bool // envelope clients get it as an event
	}{
		{rejected(400), 400, "BACKEND_ERROR", true},
		{rejected(401), 401, "BACKEND_AUTH_FAILED", true},
		{rejected(403), 403, "BACKEND_FORBIDDEN", true},
		{rejected(404), 404, "BACKEND_ERROR", false},
		{rejected(503), 503, "BACKEND_ERROR", false},
		{rejected(302), 302, "BACKEND_ERROR", false},
		{rejected(101), 502, "BACKEND_ERROR", false},
		{rejected(0), 502, "BACKEND_ERROR", false},
		{rejected(999), 502, "BACKEND_ERROR", false},
		{gateway.ErrBackendTimeout, 504, "GATEWAY_TIMEOUT", false},
		{fmt.Errorf("%w: refused", gateway.ErrBackendUnreachable), 503, "BACKEND_UNAVAILABLE", false},
		{errors.New("broken"), 503, "BACKEND_UNAVAILABLE", false},
		{gateway.ErrNotConfigured, 503, "SERVICE_NOT_CONFIGURED", false},
	} {
		for _, format := range []wire.Format{"named", "envelope"} {
			r := newRig(t, setup{role: gatewayrole.Config{Format: format}})
			r.relay.EXPECT().Open(gomock.Any(), gomock.Any(), gomock.Any()).Return(gateway.Acceptance{}, c.err)
			got := r.do(http.MethodGet, r.url+"/x", "")
			if format == "envelope" && c.stream {
				wantRejectedStream(t, got, c.status)
			} else if got.status != c.status || codeOf(got.body) != c.code || strings.Contains(got.body, "refused") {
				t.Errorf("%s: %v: %d %s, want %d %s", format, c.err, got.status, got.body, c.status, c.code)
			}
			if n := r.engine.Stats().Streams; n != 0 {
				t.Errorf("%v: %d streams are left", c.err, n)
			}
		}
	}
}

func wantRejectedStream(t *testing.T, got answer, status int) {
	t.Helper()
	data, ok := strings.CutPrefix(got.body, "event: rejected\ndata: ")
	var said struct {
		Status  int
		Message string
	}
	if !ok || got.status != http.StatusOK || json.Unmarshal([]byte(data), &said) != nil || said.Status != status || said.Message == "" {
		t.Errorf("rejected with %d in the envelope format: %d %q", status, got.status, got.body)
	}
}

func TestClientThatLeavesWhileTheCallbackIsPendingLeavesNothing(t *testing.T) { // gateway-protocol
	t.Parallel()
	r := newRig(t, setup{})
	asked, left := make(chan connection.Token, 1), make(chan struct{})
	r.relay.EXPECT().Open(gomock.Any(), gomock.Any(), gomock.Any()).
		DoAndReturn(func(ctx context.Context, token connection.Token, _ gateway.Request) (gateway.Acceptance, error) {
			asked <- token
			<-ctx.Done()
			close(left)
			return gateway.Acceptance{}, ctx.Err()
		})
	conn, _ := dial(t, r.url)
	_, _ = fmt.Fprint(conn, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
	token := <-asked
	r.want("/internal/send", push(token, `{"data":"1"}`), 200, `{"status":"buffered"}`)
	_ = conn.Close()
	<-left
	for r.engine.Stats().Streams > 0 {
		<-time.After(time.Millisecond)
	}
	r.want("/internal/send", push(token, `{"data":"2"}`), 404, "TOKEN_NOT_FOUND")
	if len(r.ended) != 0 {
		t.Error("its end was reported")
	}
}

func TestEarlyPushesComeRightAfterTheHeaders(t *testing.T) { // gateway-protocol
	t.Parallel()
	for name, shards := range transports {
		r := newRig(t, setup{engine: sse.Config{Shards: shards}})
		r.accept(func(token connection.Token, _ gateway.Request) {
			r.want("/internal/broadcast", `{"event":{"data":"log","id":"e-7"}}`, 200, `{"status":"ok","delivered":1,"unknown":[]}`)
			r.want("/internal/send", push(token, `{"name":"n","data":"1"}`), 200, `{"status":"buffered"}`)
			r.want("/internal/send", push(token, `{"data":"2"}`), 200, `{"status":"buffered"}`)
			r.want("/internal/send", `{"token":"`+string(token)+`"}`, 200, `{"status":"buffered"}`)
		})
		s, token := r.stream("/x")
		_ = await(t, s, 3)
		r.want("/internal/send", push(token, `{"data":"a\nb"}`, `,"close":true`), 200, `{"status":"ok"}`)
		<-s.Done()
		want := []sseclient.Event{
			{Name: "n", Data: "1"}, {Name: "message", Data: "2"}, {ID: "e-7", Name: "message", Data: "log"}, {Name: "message", Data: "a\nb"},
		}
		if diff := cmp.Diff(want, s.Events()); diff != "" || !s.EndedCleanly() {
			t.Errorf("%s: the stream ended with %v and got (-want +got):\n%s", name, s.Err(), diff)
		}
		if why := <-r.ended; why != connection.ReasonServerClosed {
			t.Errorf("%s: ended for %q", name, why)
		}
	}
}

func TestReturningClientGetsNoEventTwice(t *testing.T) { // G2
	t.Parallel()
	r := newRig(t, setup{})
	r.accept(func(connection.Token, gateway.Request) {
		for _, id := range []string{"e-1", "e-2"} {
			r.want("/internal/broadcast", `{"event":{"data":"x","id":"`+id+`"}}`, 200, `{"status":"ok","delivered":1,"unknown":[]}`)
		}
	})
	s, _ := r.stream("/x?last_event_id=e-1")
	if got := await(t, s, 1); got[0].ID != "e-2" {
		t.Errorf("got %+v, want e-2", got)
	}
}

func TestEnvelopeStreamOpensWithReady(t *testing.T) { // gateway-protocol, "Event formats"
	t.Parallel()
	r := newRig(t, setup{role: gatewayrole.Config{Format: "envelope"}})
	r.accept(func(token connection.Token, _ gateway.Request) {
		r.want("/internal/send", push(token, `{"name":"n","data":"a\nb"}`), 200, `{"status":"buffered"}`)
	})
	s, _ := r.stream("/x")
	want := []sseclient.Event{{Name: "ready"}, {Name: "message", Data: `{"type":"n","payload":"a\nb"}`}}
	if diff := cmp.Diff(want, await(t, s, 2)); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
}

func TestFullGatewayRefusesStreams(t *testing.T) { // SSE_MAX_CONNECTIONS
	t.Parallel()
	r := newRig(t, setup{engine: sse.Config{MaxStreams: 1}})
	r.accept(nil)
	r.stream("/x")
	if got := r.do(http.MethodGet, r.url+"/y", ""); got.status != 503 || codeOf(got.body) != "TOO_MANY_CONNECTIONS" || got.header.Get("Retry-After") == "" {
		t.Errorf("%+v", got)
	}
}

func TestDrainingGatewayEndsEveryStreamWithARetry(t *testing.T) { // G8
	t.Parallel()
	r := newRig(t, setup{engine: sse.Config{DrainSpread: time.Second}, role: gatewayrole.Config{Configured: true}})
	r.accept(nil)
	s, _ := r.stream("/x")
	r.role.Drain()
	if got := r.do(http.MethodGet, r.url+"/readyz", ""); got.status != 503 || !strings.Contains(got.body, `"not_ready"`) {
		t.Errorf("GET /readyz: %+v", got)
	}
	if err := r.engine.Drain(t.Context()); err != nil {
		t.Errorf("drain: %v", err)
	}
	<-s.Done()
	if items := s.Items(); len(items) != 1 || items[0].Kind != sseclient.KindRetry || !s.EndedCleanly() {
		t.Errorf("the stream got %+v and ended with %v", items, s.Err())
	}
	if late := r.do(http.MethodGet, r.url+"/late", ""); late.status != 200 || !strings.HasPrefix(late.body, "retry: ") {
		t.Errorf("a stream that comes late got %+v", late)
	}
}

func TestTooLongURLIsRefused(t *testing.T) { // G4: it would be kept as long as the stream
	t.Parallel()
	r := newRig(t, setup{})
	r.accept(nil)
	r.stream("/" + strings.Repeat("x", 8<<10-1))
	if got := r.do(http.MethodGet, r.url+"/"+strings.Repeat("x", 8<<10), ""); got.status != 414 || codeOf(got.body) != "URI_TOO_LONG" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestBackendMayMakeClientsComeBackLater(t *testing.T) { // G2, G8
	t.Parallel()
	for _, format := range []wire.Format{"named", "envelope"} {
		for _, why := range []error{gateway.ErrBackendBusy, gateway.ErrComeBack} {
			r := newRig(t, setup{role: gatewayrole.Config{Format: format}})
			r.relay.EXPECT().Open(gomock.Any(), gomock.Any(), gomock.Any()).Return(gateway.Acceptance{}, fmt.Errorf("ask: %w", why))
			if got := r.do(http.MethodGet, r.url+"/x", ""); got.status != 200 || !strings.HasPrefix(got.body, "retry: ") {
				t.Errorf("%s, %v: %d %q, want a stream that only asks to come back", format, why, got.status, got.body)
			}
		}
	}
}

// A replay that arrives late must not go out behind what is newer.
func TestReplayGoesToPendingStreamsOnly(t *testing.T) { // E7, G2
	t.Parallel()
	r := newRig(t, setup{})
	replay := func(token connection.Token, seq int, want string) {
		got := r.do(http.MethodPost, r.internal+"/internal/send", push(token, fmt.Sprintf(`{"name":"n","data":"%d","id":"e-%d"}`, seq, seq)), gateway.ReplayHeader, "true")
		if got.status != http.StatusOK || got.body != want {
			t.Errorf("replay of %d: %d %s", seq, got.status, got.body)
		}
	}
	r.accept(func(token connection.Token, _ gateway.Request) { replay(token, 1, `{"status":"buffered"}`) })
	s, token := r.stream("/x")
	await(t, s, 1)
	replay(token, 2, `{"status":"ok"}`)
	r.want("/internal/send", push(token, `{"name":"last","data":"x"}`), http.StatusOK, `{"status":"ok"}`)
	if got := await(t, s, 2); got[0].ID != "e-1" || got[1].Name != "last" {
		t.Errorf("got %+v, want the replay that came in time", got)
	}
}

func TestOtherMethodsOpenNoStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	for _, method := range []string{http.MethodPost, http.MethodHead, http.MethodDelete} {
		got := r.do(method, r.url+"/x", "")
		if got.status != 405 || got.header.Get("Allow") == "" || method != http.MethodHead && codeOf(got.body) != "METHOD_NOT_ALLOWED" {
			t.Errorf("%s: %+v", method, got)
		}
	}
}
