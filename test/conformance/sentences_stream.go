package conformance

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// streamSentences are of "Client → gateway: the stream".
var streamSentences = []sentence{
	{"GET on any path (our own endpoints apart)", func(t *testing.T, g *gateway) {
		for _, path := range []string{"/", "/api/sse/stream", "/a/very/long/path.with-marks_~", "/healthz/more", "/readyzz", "/%E2%82%AC"} {
			key := g.backend.planned(accept)
			g.exchange(t, ask(path+"?k="+key)).mustOpen(t, g.Format)
			g.backend.await(t, key, "connect")
		}
	}, false},
	{"The gateway makes a token, sends the connect callback, and then:", func(t *testing.T, g *gateway) {
		first, other := g.stream(t), g.stream(t)
		if first.token == other.token {
			t.Error("two streams have one token")
		}
		answered := make(chan struct{})
		key := g.backend.planned(when(answered, accept))
		conn := g.dial(t, ask(target(key)))
		g.backend.await(t, key, "connect")
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
			t.Errorf("before the callback is answered the client gets %d bytes, %v", n, err)
		}
		close(answered)
		_ = conn.SetReadDeadline(time.Now().Add(waitLimit))
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Errorf("after the callback was answered: %v", err)
		}
	}, false},
	{"2xx: 200, Content-Type: text/event-stream, Cache-Control: no-cache, no-transform, Connection: keep-alive, X-Accel-Buffering: no, Incremental: ?1; " +
		"headers flushed at once", func(t *testing.T, g *gateway) {
		key := g.backend.planned(accept)
		x := g.exchange(t, ask(target(key))) // waits for the head only, and no event is under way
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "Connection": "keep-alive", "X-Accel-Buffering": "no",
		} {
			if got := x.header.Get(name); got != want && !strings.HasPrefix(got, want+";") && !strings.HasPrefix(got, want+",") {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if x.header.Get("Content-Length") != "" {
			t.Error("a stream has no length")
		}
	}, false},
	{"(extension) Cache-Control: no-cache, no-transform and Incremental: ?1", func(t *testing.T, g *gateway) {
		g.ours(t)
		x := g.exchange(t, ask(target(g.backend.planned(accept))))
		if control, incremental := x.header.Get("Cache-Control"), x.header.Get("Incremental"); control != "no-cache, no-transform" || incremental != "?1" {
			t.Errorf("Cache-Control: %q, Incremental: %q", control, incremental)
		}
	}, false},
	{"chunked to HTTP/1.1 clients, unframed with Connection: close to HTTP/1.0", func(t *testing.T, g *gateway) {
		for request, want := range map[string][2]string{
			"GET %s HTTP/1.1\r\nHost: gateway.test\r\n\r\n": {"chunked", "keep-alive"},
			"GET %s HTTP/1.0\r\nHost: gateway.test\r\n\r\n": {"", "close"},
		} {
			key := g.backend.planned(accept)
			x := g.exchange(t, fmt.Sprintf(request, target(key)))
			framing, connection := x.header.Get("Transfer-Encoding"), strings.ToLower(x.header.Get("Connection"))
			if framing != want[0] || g.extended() && connection != want[1] {
				t.Errorf("%s: Transfer-Encoding: %q, Connection: %q, want %q", request, framing, connection, want)
			}
			x.mustOpen(t, g.Format)
			g.mustSend(t, g.backend.await(t, key, "connect").Token, "", "text")
			x.mustSay(t, "data: text\n\n")
		}
	}, false},
	{"never compressed", func(t *testing.T, g *gateway) {
		key := g.backend.planned(accept)
		x := g.exchange(t, ask(target(key), "Accept-Encoding: gzip, deflate, br, zstd\r\n"))
		if x.mustOpen(t, g.Format); x.header.Get("Content-Encoding") != "" {
			t.Errorf("Content-Encoding: %s", x.header.Get("Content-Encoding"))
		}
		g.mustSend(t, g.backend.await(t, key, "connect").Token, "", strings.Repeat("x", 10_000))
		x.mustSay(t, "data: "+strings.Repeat("x", 10_000)+"\n\n")
	}, false},
	{"another status: that status, JSON error BACKEND_AUTH_FAILED (401), BACKEND_FORBIDDEN (403), else BACKEND_ERROR", func(t *testing.T, g *gateway) {
		for code, want := range map[int]string{
			401: "BACKEND_AUTH_FAILED", 403: "BACKEND_FORBIDDEN",
			400: "BACKEND_ERROR", 404: "BACKEND_ERROR", 429: "BACKEND_ERROR", 500: "BACKEND_ERROR", 503: "BACKEND_ERROR",
		} {
			if got, _ := g.refused(t, status(code, `{"secret":"of the backend"}`)); g.Format == FormatNamed || code != 400 && code != 401 && code != 403 {
				got.mustRefuse(t, code, want)
			}
		}
	}, false},
	{"(extension) a redirect that would change the method is passed on, with BACKEND_ERROR", func(t *testing.T, g *gateway) {
		g.ours(t)
		for _, code := range []int{301, 302, 303} {
			got, _ := g.refused(t, func(w http.ResponseWriter, r *http.Request, c callback) {
				w.Header().Set("Location", g.CallbackURL)
				status(code, "")(w, r, c)
			})
			got.mustRefuse(t, code, "BACKEND_ERROR")
		}
	}, false},
	{"no answer in 5 s: 504 GATEWAY_TIMEOUT", func(t *testing.T, g *gateway) {
		got, _ := g.refused(t, when(nil, accept))
		got.mustRefuse(t, http.StatusGatewayTimeout, "GATEWAY_TIMEOUT")
	}, false},
	{"unreachable: 503 BACKEND_UNAVAILABLE, also when the connection breaks", func(t *testing.T, g *gateway) {
		got, _ := g.refused(t, hangUp)
		got.mustRefuse(t, http.StatusServiceUnavailable, "BACKEND_UNAVAILABLE")
	}, false},
	{"no callback URL configured: 503 SERVICE_NOT_CONFIGURED", func(t *testing.T, g *gateway) {
		if g.UnconfiguredURL == "" {
			t.Skip("there is no gateway without a callback URL")
		}
		g.get(t, g.UnconfiguredURL+"/any").mustRefuse(t, http.StatusServiceUnavailable, "SERVICE_NOT_CONFIGURED")
	}, false},
	{"If the client goes away while the callback is pending, no stream is opened, buffered events are dropped, " +
		"and no disconnect callback is sent", func(t *testing.T, g *gateway) {
		release := make(chan struct{})
		for _, leave := range []func(net.Conn){closeConn, resetConn} {
			key := g.backend.planned(when(release, accept))
			conn := g.dial(t, ask(target(key)+leftEarly))
			token := g.backend.await(t, key, "connect").Token
			g.push(t, push{"token": token, "event": event("", "1")}).mustBeOK(t, `{"status":"buffered"}`)
			leave(conn)
			eventually(t, "the token is unknown", func() bool {
				return g.push(t, push{"token": token, "event": event("", "2")}).status == http.StatusNotFound
			})
		}
		close(release) // mustBalance looks for disconnects
	}, false},
	{"After an open stream ends, exactly one disconnect callback is sent", func(t *testing.T, g *gateway) {
		s := g.stream(t)
		g.push(t, push{"token": s.token, "event": event("", "last"), "close": true})
		s.Close()
		g.push(t, push{"token": s.token, "close": true})
		g.backend.await(t, s.key, "disconnect") // mustBalance looks for more
		g.push(t, push{"token": s.token}).mustRefuse(t, http.StatusNotFound, "TOKEN_NOT_FOUND")
	}, false},
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // what Read returns
	return ok && timeout.Timeout()
}

func closeConn(conn net.Conn) { _ = conn.Close() }

// resetConn makes the other side see a reset.
func resetConn(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
