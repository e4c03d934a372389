package sse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/test/sseclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const epoch = "e1"

// The transports, as numbers of shards.
const (
	noShards    = -1 // portable
	plainShards = 1  // for clients of HTTP/1.0
	twoShards   = 2  // whose answers are chunked
)

var transports = map[string]int{"portable": noShards, "shards": twoShards, "shards without chunks": plainShards}

// tally is a gateway.Metrics that adds up.
type tally struct {
	mu     sync.Mutex
	ok     map[event.Service]int
	failed map[event.Service]int
	took   map[event.Service]int
}

func newTally() *tally {
	return &tally{ok: map[event.Service]int{}, failed: map[event.Service]int{}, took: map[event.Service]int{}}
}

func (c *tally) Sent(s event.Service, ok, failed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ok[s] += ok
	c.failed[s] += failed
}

func (c *tally) Took(s event.Service, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[s]++
}

func (c *tally) of(s event.Service) (ok, failed, took int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ok[s], c.failed[s], c.took[s]
}

// bench is an engine that runs until the test ends, and its broker.
type bench struct {
	*sse.Engine

	t       testing.TB
	metrics *tally
	stop    func() // ends Serve
	shards  int
	mu      sync.Mutex
	last    event.ID                                    // guarded by mu
	ends    map[connection.Token]chan connection.Reason // of adopted streams; guarded by mu
}

func newBench(t testing.TB, cfg sse.Config) *bench {
	if cfg.HistoryBytes == 0 {
		cfg.HistoryBytes = 1 << 20
	}
	cfg.Start.Epoch = epoch
	if cfg.Shards == 0 {
		cfg.Shards = -1 // sockets know nothing of fake time
	}
	b := &bench{
		t: t, metrics: newTally(), last: cfg.Start, shards: cfg.Shards,
		ends: map[connection.Token]chan connection.Reason{},
	}
	b.Engine = sse.New(cfg, b.metrics)
	b.OnEnd(b.ended)
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // it must outlive the test's cleanups
	var serving sync.WaitGroup
	serving.Go(func() { _ = b.Serve(ctx) })
	for cfg.Shards > 0 && !b.Adopts() {
		runtime.Gosched() // Serve begins
	}
	b.stop = func() {
		cancel()
		serving.Wait()
	}
	t.Cleanup(b.stop)
	return b
}

// ended hears of adopted streams.
func (b *bench) ended(token connection.Token, why connection.Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if reason := b.ends[token]; reason != nil {
		reason <- why
	}
}

func note(text string) event.Event {
	data, _ := json.Marshal(text)
	return event.Event{Service: event.ServiceTask, Name: "note", Data: data}
}

// publish broadcasts ev as the next log event.
func (b *bench) publish(ev event.Event) event.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last.Seq++
	if err := b.Broadcast(event.Record{ID: b.last, Event: ev}); err != nil {
		b.t.Errorf("broadcast: %v", err)
	}
	return b.last
}

// control broadcasts a control event.
func (b *bench) control(name string) {
	b.t.Helper()
	if err := b.Broadcast(event.Record{Event: event.Event{Name: name, Data: []byte(`{}`)}}); err != nil {
		b.t.Errorf("broadcast: %v", err)
	}
}

// publishMany publishes n notes, numbered from 1.
func (b *bench) publishMany(n int) {
	for i := range n {
		b.publish(note(fmt.Sprint(i + 1)))
	}
}

func (b *bench) send(token connection.Token, ev event.Event) {
	b.t.Helper()
	if err := b.Send(token, ev); err != nil {
		b.t.Errorf("send: %v", err)
	}
}

// client is the other end of one stream.
type client struct {
	t      testing.TB
	conn   net.Conn
	body   io.Reader           // what comes through conn, without chunks
	items  chan sseclient.Item // closed at the stream's end
	reason chan connection.Reason
}

type pipe struct{ net.Conn }

func (pipe) Flush() error { return nil }

// attach adds a stream that is not served yet.
func (b *bench) attach(token connection.Token, lastEventID string) *sse.Stream {
	b.t.Helper()
	s, err := b.Attach(token, lastEventID)
	if err != nil {
		b.t.Fatalf("attach: %v", err)
	}
	return s
}

// stuck serves a stream whose client reads nothing, by the bench's transport.
func (b *bench) stuck(s *sse.Stream) *client {
	b.t.Helper()
	if b.shards < 0 {
		return b.served(s)
	}
	server, conn := tcpPair(b.t)
	c := newClient(b.t, conn)
	b.mu.Lock()
	b.ends[s.Token()] = c.reason
	b.mu.Unlock()
	chunked := b.shards != plainShards
	if chunked {
		c.body = httputil.NewChunkedReader(conn)
	}
	if err := s.Adopt(server, sse.Answer{Chunked: chunked}, func() {}); err != nil {
		b.t.Fatalf("adopt: %v", err)
	}
	if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // Adopt may have done so
		b.t.Fatalf("close: %v", err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return c
}

// served serves a stream with a goroutine.
func (b *bench) served(s *sse.Stream) *client {
	server, conn := net.Pipe()
	c := newClient(b.t, conn)
	ctx, gone := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		c.reason <- s.Serve(ctx, pipe{server})
		_ = server.Close()
	})
	b.t.Cleanup(func() {
		gone()
		_ = conn.Close()
		serving.Wait()
	})
	return c
}

func newClient(t testing.TB, conn net.Conn) *client {
	return &client{t: t, conn: conn, body: conn, items: make(chan sseclient.Item, 1<<16), reason: make(chan connection.Reason, 1)}
}

// tcpPair is a connection over loopback with small buffers, so that a client
// that does not read is noticed soon.
func tcpPair(t testing.TB) (server, client net.Conn) {
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
	_ = client.(*net.TCPConn).SetReadBuffer(4 << 10)
	_ = server.(*net.TCPConn).SetWriteBuffer(4 << 10)
	return server, client
}

// open serves a stream to a client that reads.
func (b *bench) open(s *sse.Stream) *client {
	c := b.stuck(s)
	var reading sync.WaitGroup
	reading.Go(c.read)
	b.t.Cleanup(reading.Wait)
	b.t.Cleanup(func() { _ = c.conn.Close() })
	return c
}

func (c *client) read() {
	defer close(c.items)
	d := sseclient.NewDecoder(c.body, "")
	for {
		item, err := d.Next()
		if err != nil {
			return
		}
		c.items <- item
	}
}

// next returns the next item; the zero Item at the stream's end.
func (c *client) next() sseclient.Item {
	c.t.Helper()
	select {
	case item := <-c.items:
		return item
	case <-time.After(30 * time.Second):
		c.t.Fatal("nothing arrived")
		return sseclient.Item{}
	}
}

// want checks the next event: id is its sequence, or "" for none.
func (c *client) want(seq, name, data string) {
	c.t.Helper()
	want := sseclient.Event{Name: name, Data: data}
	if seq != "" {
		want.ID = epoch + "-" + seq
	}
	if got := c.next(); got.Event != want {
		c.t.Fatalf("got %+v, want %+v", got, want)
	}
}

func (c *client) wantNote(seq, text string) {
	c.t.Helper()
	c.want(seq, "note", fmt.Sprintf("%q", text))
}

// wantEnd checks that the stream has ended, and why.
func (c *client) wantEnd(reason connection.Reason) {
	c.t.Helper()
	if got := c.next(); got.Kind != 0 {
		c.t.Fatalf("got %+v where the stream had to end", got)
	}
	if got := <-c.reason; got != reason {
		c.t.Errorf("the stream ended for %q, want %q", got, reason)
	}
}
