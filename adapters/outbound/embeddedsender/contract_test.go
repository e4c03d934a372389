package embeddedsender_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/outbound/embeddedsender"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/test/contract/sendercontract"
	"heliograph/test/mocks"
	"heliograph/test/sseclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSenderContract(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]transport{"portable": served, "shards": adopted} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sendercontract.Run(t, func(t *testing.T) sendercontract.Subject { return fresh(t, transport) })
		})
	}
}

// transport has a stream written, and returns its client's end and what stalls
// that. All ends with t.
type transport func(t *testing.T, stream *sse.Stream) (client io.Reader, stall func() (release func()))

func fresh(t *testing.T, transport transport) sendercontract.Subject {
	metrics := mocks.NewMockGatewayMetrics(gomock.NewController(t))
	metrics.EXPECT().Sent(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	metrics.EXPECT().Took(gomock.Any(), gomock.Any()).AnyTimes()
	start := event.ID{Epoch: "e1", Seq: 41}
	engine := sse.New(sse.Config{Start: start, HistoryBytes: 1 << 20}, metrics)

	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() { _ = engine.Serve(ctx) })
	for !engine.Adopts() {
		runtime.Gosched() // Serve begins
	}
	shut := func() {
		stop()
		serving.Wait()
	}
	t.Cleanup(shut)
	return sendercontract.Subject{
		Sender: embeddedsender.New(engine), Streams: embeddedsender.New(engine),
		Open: func(t *testing.T, id connection.RequestID) sendercontract.Stream {
			return open(t, engine, transport, id, nil)
		},
		OpenAs: func(t *testing.T, id connection.RequestID, p *access.Principal) sendercontract.Stream {
			return open(t, engine, transport, id, p)
		},
		Shut:  shut,
		Start: start,
	}
}

// pipe is a stream's connection to its client, in memory. While its gate is
// locked, writes are stuck.
type pipe struct {
	net.Conn

	gate *sync.Mutex
}

func (p pipe) Write(b []byte) (int, error) {
	p.gate.Lock()
	defer p.gate.Unlock()
	return p.Conn.Write(b)
}

func (pipe) Flush() error { return nil }

// served is the portable transport.
func served(t *testing.T, stream *sse.Stream) (io.Reader, func() func()) {
	server, client := net.Pipe()
	p := pipe{Conn: server, gate: &sync.Mutex{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		stream.Serve(t.Context(), p)
		_ = server.Close()
	})
	t.Cleanup(func() {
		_ = client.Close()
		serving.Wait()
	})
	return client, func() func() {
		p.gate.Lock()
		return p.gate.Unlock
	}
}

// adopted is the shards', over a real socket.
func adopted(t *testing.T, stream *sse.Stream) (io.Reader, func() func()) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.Adopt(server, sse.Answer{}, func() {}), server.Close()); err != nil {
		t.Fatal(err)
	}
	c := &client{Conn: conn}
	return c, func() func() {
		c.gate.Lock()
		return c.gate.Unlock
	}
}

// client is a socket whose reads do not return while its gate is locked.
type client struct {
	net.Conn

	gate sync.Mutex
}

func (c *client) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gate.Lock()
	defer c.gate.Unlock()
	return n, err
}

func open(t *testing.T, engine *sse.Engine, transport transport, id connection.RequestID, p *access.Principal) sendercontract.Stream {
	t.Helper()
	token := connection.Token("token-of-" + id)
	stream, err := engine.Resume(t.Context(), token, sse.Client{Name: string(id), Viewer: p.Viewer()})
	if err != nil {
		t.Fatalf("attach: %v", err)
	}
	frames := make(chan sendercontract.Frame, sendercontract.MaxFrames)
	var reading sync.WaitGroup
	t.Cleanup(reading.Wait) // after the transport's end
	client, stall := transport(t, stream)
	reading.Go(func() { read(client, frames) })
	return sendercontract.Stream{Token: token, Frames: frames, Stall: stall}
}

// read is a stream's client.
func read(stream io.Reader, frames chan<- sendercontract.Frame) {
	defer close(frames)
	d := sseclient.NewDecoder(stream, "")
	for {
		item, err := d.Next()
		if err != nil {
			return
		}
		if e := item.Event; item.Kind == sseclient.KindEvent {
			frames <- sendercontract.Frame{ID: e.ID, Name: e.Name, Data: e.Data}
		}
	}
}
