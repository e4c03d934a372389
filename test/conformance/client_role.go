package conformance

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"heliograph/test/sseclient"
)

// leftEarly marks the URL of a stream whose client leaves before it is open.
const leftEarly = "&left=early"

func newKey() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return "key-" + hex.EncodeToString(random[:])
}

// target is a stream's URL without the gateway's own.
func target(key string) string { return "/any/path?request_id=" + key }

// stream is one that a client holds open.
type stream struct {
	*sseclient.Stream

	gateway *gateway
	key     string
	token   string
}

// stream opens an ordinary stream; the test's end closes it.
func (g *gateway) stream(t *testing.T) *stream {
	t.Helper()
	return g.streamOf(t, g.backend.planned(accept))
}

// streamOf opens a stream whose callback is planned.
func (g *gateway) streamOf(t *testing.T, key string) *stream {
	t.Helper()
	s, err := sseclient.New(g.URL + target(key)).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("the stream violates the format: %s", v)
		}
	})
	return &stream{Stream: s, gateway: g, key: key, token: g.backend.await(t, key, "connect").Token}
}

// message is an event as it was pushed. The data is compact JSON or plain text.
type message struct{ id, name, data string }

// messages returns what came so far, read back from the gateway's format.
func (s *stream) messages() (found []message) {
	for _, e := range s.Events() {
		if e.Name != "ready" {
			found = append(found, s.gateway.read(e))
		}
	}
	return found
}

// read undoes the event format.
func (g *gateway) read(e sseclient.Event) message {
	m := message{e.ID, e.Name, e.Data}
	var inside struct {
		Type    *string
		Payload json.RawMessage
	}
	switch {
	case e.Name != "message":
	case g.Format == FormatEnvelope && json.Unmarshal([]byte(e.Data), &inside) == nil && inside.Type != nil:
		m.name, m.data = *inside.Type, string(inside.Payload)
	default:
		m.name = ""
	}
	return m
}

// mustGet waits until the stream has got exactly these, in this order.
func (s *stream) mustGet(t *testing.T, want ...message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	enough := func(sseclient.Item) bool { return len(s.messages()) >= len(want) }
	if _, err := s.Wait(ctx, enough); err != nil && len(want) > 0 {
		t.Fatalf("waiting for %+v: %v; the stream said %+v", want, err, s.Items())
	}
	got := s.messages()
	for i, m := range want {
		if !m.equals(got[i]) || len(got) != len(want) {
			t.Fatalf("the stream got %+v, want %+v", got, want)
		}
	}
}

func (m message) equals(other message) bool {
	return m.id == other.id && m.name == other.name && (m.data == other.data || sameJSON(m.data, other.data))
}

// mustEnd waits for the clean end of the stream.
func (s *stream) mustEnd(t *testing.T) {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(waitLimit):
		t.Fatal("the stream does not end")
	}
	if !s.EndedCleanly() {
		t.Errorf("the stream ended with %v", s.Err())
	}
}

// exchange is one request on a socket of its own, byte for byte.
type exchange struct {
	conn   net.Conn
	status string
	header textproto.MIMEHeader
	body   *bufio.Reader // without the transfer coding
}

// dial writes a request; the test's end closes the socket.
func (g *gateway) dial(t *testing.T, request string) net.Conn {
	t.Helper()
	u, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(waitLimit))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask is a GET with extra header lines, each with its line end.
func ask(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: gateway.test\r\n" + strings.Join(lines, "") + "\r\n"
}

// exchange writes a request and reads the answer's head.
func (g *gateway) exchange(t *testing.T, request string) *exchange {
	t.Helper()
	x := &exchange{conn: g.dial(t, request)}
	in := bufio.NewReader(x.conn)
	head := textproto.NewReader(in)
	var err error
	if x.status, err = head.ReadLine(); err == nil {
		x.header, err = head.ReadMIMEHeader()
	}
	if err != nil {
		t.Fatalf("no head of an answer: %v", err)
	}
	x.body = in
	if strings.EqualFold(x.header.Get("Transfer-Encoding"), "chunked") {
		x.body = bufio.NewReader(httputil.NewChunkedReader(in))
	}
	return x
}

// mustSay requires that the body goes on with just these bytes.
func (x *exchange) mustSay(t *testing.T, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(x.body, got)
	if string(got[:n]) != want {
		t.Fatalf("the stream says %q (%v), want %q", got[:n], err, want)
	}
}

// mustOpen requires the head of a stream, and reads what opens it.
func (x *exchange) mustOpen(t *testing.T, f Format) {
	t.Helper()
	if _, status, _ := strings.Cut(x.status, " "); !strings.HasPrefix(status, "200") {
		t.Fatalf("status line %q", x.status)
	}
	if f != FormatEnvelope {
		return
	}
	x.mustSay(t, "event: ready\ndata:")
	if line, err := x.body.ReadString('\n'); strings.TrimSpace(line) != "" || err != nil {
		t.Fatalf("the event ready has data %q, %v", line, err)
	}
	x.mustSay(t, "\n")
}

// raw opens a stream on a socket of its own and returns its token.
func (g *gateway) raw(t *testing.T) (x *exchange, key, token string) {
	t.Helper()
	key = g.backend.planned(accept)
	x = g.exchange(t, ask(target(key)))
	x.mustOpen(t, g.Format)
	return x, key, g.backend.await(t, key, "connect").Token
}

// refused asks for a stream that is not to be had.
func (g *gateway) refused(t *testing.T, p plan) (answer, string) {
	t.Helper()
	key := g.backend.planned(p)
	return g.get(t, g.URL+target(key)), key
}

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(waitLimit); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited %s in vain for this: %s", waitLimit, what)
		}
	}
}

// push is a body of /internal/send.
type push map[string]any

// event is a push's event.
func event(name, data string) map[string]any {
	if name == "" {
		return map[string]any{"data": data}
	}
	return map[string]any{"name": name, "data": data}
}

// push posts to /internal/send.
func (g *gateway) push(t *testing.T, body any) answer {
	t.Helper()
	return g.internal(t, http.MethodPost, "/internal/send", body)
}

// mustSend pushes one event to an open stream.
func (g *gateway) mustSend(t *testing.T, token, name, data string) {
	t.Helper()
	g.push(t, push{"token": token, "event": event(name, data)}).mustBeOK(t, `{"status":"ok"}`)
}

// mustClose ends a stream.
func (g *gateway) mustClose(t *testing.T, token string) {
	t.Helper()
	g.push(t, push{"token": token, "close": true}).mustBeOK(t, `{"status":"ok"}`)
}

// String is for messages of what went wrong.
func (m message) String() string { return fmt.Sprintf("{id %q, %q: %.200s}", m.id, m.name, m.data) }
