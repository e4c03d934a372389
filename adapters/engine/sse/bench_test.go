package sse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/test/enginetest"
)

// devNull is a sink that takes everything at once.
type devNull struct{}

func (devNull) Write(b []byte) (int, error)      { return len(b), nil }
func (devNull) Flush() error                     { return nil }
func (devNull) SetWriteDeadline(time.Time) error { return nil }

// discard is a connection whose peer reads nothing, for its deadlines.
func discard() enginetest.Pipe {
	conn, _ := net.Pipe()
	return enginetest.Pipe{Conn: conn}
}

var payload150 = json.RawMessage(`"` + strings.Repeat("x", 148) + `"`)

// BenchmarkBroadcast is the publisher's side of an event: encode and append.
func BenchmarkBroadcast(b *testing.B) {
	for _, streams := range []int{0, 1000} {
		b.Run(fmt.Sprint("streams=", streams), func(b *testing.B) {
			e, stop := serve(b, streams)
			defer stop()
			ev := event.Event{Service: event.ServiceTask, Name: "task_event", Data: payload150}
			b.ReportAllocs()
			seq := uint64(0)
			for b.Loop() {
				seq++
				if err := e.Broadcast(event.Record{ID: event.ID{Epoch: epoch, Seq: seq}, Event: ev}); err != nil {
					b.Fatal(err)
				}
			}
			if streams > 0 {
				b.ReportMetric(float64(e.Stats().WrittenBytes)/float64(seq)/float64(streams), "bytes/delivery")
			}
		})
	}
}

// BenchmarkAttach is the engine's side of a connect, a private event and a
// disconnect.
func BenchmarkAttach(b *testing.B) {
	e, stop := serve(b, 0)
	defer stop()
	ev := event.Event{Service: event.ServiceVersion, Name: "version", Data: json.RawMessage(`{"version":"1.0.0"}`)}
	b.ReportAllocs()
	for b.Loop() {
		s, err := e.Attach("token", epoch+"-0")
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Send("token", ev); err != nil {
			b.Fatal(err)
		}
		s.Detach()
	}
}

// serve runs an engine with so many streams to nowhere.
func serve(b *testing.B, streams int) (*sse.Engine, func()) {
	b.Helper()
	e := sse.New(sse.Config{Start: event.ID{Epoch: epoch}, HistoryBytes: 16 << 20}, newTally())
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // ended by the caller
	var all sync.WaitGroup
	all.Go(func() { _ = e.Serve(ctx) })
	for i := range streams {
		s, err := e.Attach(connection.Token(fmt.Sprint(i)), "")
		if err != nil {
			b.Fatal(err)
		}
		all.Go(func() { s.Serve(ctx, devNull{}) })
	}
	return e, func() {
		cancel()
		all.Wait()
	}
}
