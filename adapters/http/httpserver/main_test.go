package httpserver_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/http/httpserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server that runs.
type rig struct {
	*httpserver.Server

	t testing.TB
}

func serve(t testing.TB, cfg httpserver.Config, handler http.HandlerFunc) *rig {
	t.Helper()
	cfg.Variable, cfg.Addr = "HTTP_ADDR", "127.0.0.1:0"
	r := &rig{httpserver.New(cfg, handler, slog.New(slog.DiscardHandler)), t}
	if err := r.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := r.Serve(ctx); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		_ = r.Shutdown(gone) // what is left is cut off
		serving.Wait()
	})
	return r
}

// client is one connection to the server.
type client struct {
	net.Conn

	t    testing.TB
	read *bufio.Reader
}

func (r *rig) dial() *client {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return &client{conn, r.t, bufio.NewReader(conn)}
}

// send writes the text of a request.
func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		c.t.Fatal(err)
	}
}

const ask = "GET / HTTP/1.1\nHost: x\n\n"

// answer reads an answer to its end.
func (c *client) answer() (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("half an answer: %v", err)
	}
	return resp, string(body)
}

// ended waits until the server has closed the connection.
func (c *client) ended() {
	c.t.Helper()
	if n, err := io.Copy(io.Discard, c.read); err == nil && n > 0 {
		c.t.Errorf("%d bytes came before the end", n)
	}
}
