package gatewayrole_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/inbound/gatewayrole"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

// accepting is a gateway.Relay of a backend that accepts everything.
type accepting struct {
	gateway.Relay
	tokens chan connection.Token
}

func (a accepting) Open(_ context.Context, token connection.Token, _ gateway.Request) (gateway.Acceptance, error) {
	a.tokens <- token
	return gateway.Acceptance{}, nil
}

func (accepting) End(connection.Token, connection.Reason) {}

// BenchmarkSend posts pushes to one stream over 64 kept-alive connections, and
// the same to a handler that only reads the body.
func BenchmarkSend(b *testing.B) {
	engine := sse.New(sse.Config{Start: event.ID{Epoch: "e"}, HistoryBytes: 1 << 20, PrivateBytes: 1 << 30}, unmeasured{})
	var serving sync.WaitGroup
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	serving.Go(func() { _ = engine.Serve(ctx) })
	defer serving.Wait()
	defer stop()
	relay := accepting{tokens: make(chan connection.Token, 1)}
	role := gatewayrole.New(gatewayrole.Config{}, engine, relay, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(role.Handler())
	defer server.Close()
	stream, err := http.Get(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, stream.Body) })
	defer reading.Wait()
	defer func() { _ = stream.Body.Close() }()
	body := []byte(push(<-relay.tokens, `{"name":"task_event","data":"{\"event_type\":\"progress_update\",\"task_id\":\"0819a699-9ad8-4468-8d23-e19c636d5581\",\"timestamp\":\"2026-11-23T17:00:05.070037235Z\",\"seq\":3,\"attempt\":1,\"data\":{\"text\":\"Step 1/2\",\"value\":0.5}}"}`, `,"close":false`))
	gin.SetMode(gin.ReleaseMode)
	bare := gin.New()
	bare.POST("/internal/send", func(c *gin.Context) {
		_, _ = io.Copy(io.Discard, c.Request.Body)
		c.Data(http.StatusOK, "application/json", []byte(`{"status":"ok"}`))
	})
	for name, handler := range map[string]http.Handler{"endpoint": role.Handler(), "bare": bare} {
		b.Run(name, func(b *testing.B) { post(b, handler, body) })
	}
}

func post(b *testing.B, handler http.Handler, body []byte) {
	server := httptest.NewServer(handler)
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	var failed atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, _ := http.NewRequest(http.MethodPost, server.URL+"/internal/send", bytes.NewReader(body))
			res, err := transport.RoundTrip(r)
			if err != nil || res.StatusCode != http.StatusOK {
				failed.Add(1)
				continue
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
	if n := failed.Load(); n > 0 {
		b.Errorf("%d pushes failed", n)
	}
}
