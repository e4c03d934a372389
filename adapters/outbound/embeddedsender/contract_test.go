package embeddedsender_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/mock/gomock"

	"heliograph/adapters/internal/sse"
	"heliograph/adapters/outbound/embeddedsender"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/test/contract/sendercontract"
	"heliograph/test/mocks"
	"heliograph/test/sseclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSenderContract(t *testing.T) {
	t.Parallel()
	sendercontract.Run(t, fresh)
}

func fresh(t *testing.T) sendercontract.Subject {
	metrics := mocks.NewMockGatewayMetrics(gomock.NewController(t))
	metrics.EXPECT().Sent(gomock.Any(), gomock.Any(), gomock.Any()).AnyTimes()
	metrics.EXPECT().Took(gomock.Any(), gomock.Any()).AnyTimes()
	start := event.ID{Epoch: "e1", Seq: 41}
	engine := sse.New(sse.Config{Start: start, HistoryBytes: 1 << 20}, metrics)

	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() { _ = engine.Serve(ctx) })
	shut := func() {
		stop()
		serving.Wait()
	}
	t.Cleanup(shut)
	return sendercontract.Subject{
		Sender: embeddedsender.New(engine),
		Open:   func(t *testing.T, id connection.RequestID) sendercontract.Stream { return open(t, engine, id) },
		Shut:   shut,
		Start:  start,
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

func open(t *testing.T, engine *sse.Engine, id connection.RequestID) sendercontract.Stream {
	t.Helper()
	token := connection.Token("token-of-" + id)
	stream, err := engine.Attach(token, "")
	if err != nil {
		t.Fatalf("attach: %v", err)
	}
	server, client := net.Pipe()
	p := pipe{Conn: server, gate: &sync.Mutex{}}
	frames := make(chan sendercontract.Frame, sendercontract.MaxFrames)
	var both sync.WaitGroup
	both.Go(func() {
		stream.Serve(t.Context(), p)
		_ = server.Close()
	})
	both.Go(func() { read(client, frames) })
	t.Cleanup(func() {
		_ = client.Close()
		both.Wait()
	})
	return sendercontract.Stream{Token: token, Frames: frames, Stall: func() func() {
		p.gate.Lock()
		return p.gate.Unlock
	}}
}

// read is a stream's client.
func read(conn net.Conn, frames chan<- sendercontract.Frame) {
	defer close(frames)
	d := sseclient.NewDecoder(conn, "")
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
