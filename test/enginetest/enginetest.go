// Package enginetest runs stream engines for tests, with clients at the other end of
// their streams.
package enginetest

import (
	"context"
	"errors"
	"net"
	"net/http/httputil"
	"runtime"
	"sync"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// Epoch is that of all events.
const Epoch = "e1"

// The transports, as numbers of shards.
const (
	Portable = -1
	Plain    = 1 // for clients of HTTP/1.0
	Chunked  = 2 // for clients of HTTP/1.1
)

// Transports are all of them.
func Transports() map[string]int {
	return map[string]int{"portable": Portable, "shards": Chunked, "shards without chunks": Plain}
}

// Engine is an engine that runs until the test ends. It is safe for concurrent use.
type Engine struct {
	*sse.Engine

	t      testing.TB
	shards int
	cancel func()
	serve  sync.WaitGroup

	mu   sync.Mutex
	ends map[connection.Token]chan connection.Reason // of adopted streams; guarded by mu
}

// Run returns a running engine. In cfg, Shards is one of the transports or zero, which is
// Portable, since sockets know nothing of fake time; HistoryBytes may be zero too.
func Run(t testing.TB, cfg sse.Config, metrics gateway.Metrics) *Engine {
	if cfg.HistoryBytes == 0 {
		cfg.HistoryBytes = 1 << 20
	}
	cfg.Start.Epoch = Epoch
	if cfg.Shards == 0 {
		cfg.Shards = Portable
	}
	e := &Engine{Engine: sse.New(cfg, metrics), t: t, shards: cfg.Shards, ends: map[connection.Token]chan connection.Reason{}}
	e.OnEnd(e.ended)
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // it must outlive the test's cleanups
	e.cancel = cancel
	e.serve.Go(func() { _ = e.Serve(ctx) })
	for cfg.Shards > 0 && !e.Adopts() {
		runtime.Gosched() // Serve begins
	}
	t.Cleanup(e.Stop)
	return e
}

// Stop ends the engine, and returns when it has ended. It may be called again.
func (e *Engine) Stop() {
	e.cancel()
	e.serve.Wait()
}

// ended is called with the ends of adopted streams.
func (e *Engine) ended(token connection.Token, why connection.Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if reason := e.ends[token]; reason != nil {
		reason <- why
	}
}

// Open serves a stream, by the engine's transport, to a client that reads.
func (e *Engine) Open(s *sse.Stream) *Client {
	c := e.Stuck(s)
	e.Read(c)
	return c
}

// Read makes a client read that Stuck returned.
func (e *Engine) Read(c *Client) {
	var reading sync.WaitGroup
	reading.Go(c.read)
	e.t.Cleanup(reading.Wait)
	e.t.Cleanup(func() { _ = c.Conn.Close() })
}

// Stuck serves a stream, by the engine's transport, whose client reads nothing.
func (e *Engine) Stuck(s *sse.Stream) *Client {
	e.t.Helper()
	if e.shards < 0 {
		return e.Served(s)
	}
	server, conn := TCPPair(e.t)
	c := NewClient(e.t, conn)
	e.mu.Lock()
	e.ends[s.Token()] = c.Reason
	e.mu.Unlock()
	chunked := e.shards != Plain
	if chunked {
		c.Body = httputil.NewChunkedReader(conn)
	}
	if err := s.Adopt(server, sse.Answer{Chunked: chunked}, func() {}); err != nil {
		e.t.Fatalf("adopt: %v", err)
	}
	if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // Adopt may have done so
		e.t.Fatalf("close: %v", err)
	}
	e.t.Cleanup(func() { _ = conn.Close() })
	return c
}

// Served serves a stream by the portable transport; its client reads nothing.
func (e *Engine) Served(s *sse.Stream) *Client {
	server, conn := net.Pipe()
	c := NewClient(e.t, conn)
	ctx, gone := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		c.Reason <- s.Serve(ctx, Pipe{Conn: server})
		_ = server.Close()
	})
	e.t.Cleanup(func() {
		gone()
		_ = conn.Close()
		serving.Wait()
	})
	return c
}

// Pipe makes a connection an sse.Sink.
type Pipe struct{ net.Conn }

// Flush does nothing.
func (Pipe) Flush() error { return nil }

// TCPPair is a connection over loopback with small buffers, so that a client
// that does not read is noticed soon. The caller closes both ends.
func TCPPair(t testing.TB) (server, client net.Conn) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if client, err = new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	_ = client.(*net.TCPConn).SetReadBuffer(4 << 10)  //nolint:forcetypeassert // it was dialled as TCP
	_ = server.(*net.TCPConn).SetWriteBuffer(4 << 10) //nolint:forcetypeassert // likewise
	return server, client
}
