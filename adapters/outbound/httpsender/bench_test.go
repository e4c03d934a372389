package httpsender_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/adapters/outbound/memregistry"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
)

const audience = 1000 // connections that get a broadcast

// slowGateway answers every push after a millisecond.
func slowGateway(b *testing.B) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-time.After(time.Millisecond)
		_, _ = io.WriteString(w, `{"status":"ok"}`)
	}))
	b.Cleanup(server.Close)
	return server.URL
}

// BenchmarkBroadcast sends one event to 1,000 connections: through the sender,
// and as one request after the other, on one kept-alive connection and on fresh
// ones. The ratios of these times must be at least ten.
func BenchmarkBroadcast(b *testing.B) {
	url := slowGateway(b)
	s, err := httpsender.New(httpsender.Config{URL: url}, crowd(b), silent{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	serve(b, s, newListener(memregistry.New()), newHistory())
	broadcast(b, s) // opens the connections
	var ours, kept, fresh time.Duration
	for b.Loop() {
		ours += timed(func() { broadcast(b, s) })
		kept += timed(func() { oneByOne(b, url, &http.Transport{}) })
		fresh += timed(func() { oneByOne(b, url, &http.Transport{DisableKeepAlives: true}) })
	}
	faster := float64(kept) / float64(ours)
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "ms/broadcast")
	b.ReportMetric(faster, "x-kept-alive")
	b.ReportMetric(float64(fresh)/float64(ours), "x-fresh-TCP")
	if faster < 10 {
		b.Errorf("%.1f times as fast as one request after the other, want 10", faster)
	}
}

// BenchmarkPush is what one push costs the sender: the gateway is a connection
// that answers whatever is written.
func BenchmarkPush(b *testing.B) {
	s, err := httpsender.New(httpsender.Config{URL: "http://gateway", Dial: instantGateway}, crowd(b), silent{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	serve(b, s, newListener(memregistry.New()), newHistory())
	b.ReportAllocs()
	ev := state(1)
	for b.Loop() {
		_ = s.Send(b.Context(), "t1", ev)
		_ = s.Flush(b.Context())
	}
}

// BenchmarkHandOver is how long Broadcast keeps its caller with 1,000
// connections of which none takes anything.
func BenchmarkHandOver(b *testing.B) {
	s, err := httpsender.New(httpsender.Config{URL: "http://gateway"}, crowd(b), silent{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	rec := event.Record{Event: state(1)}
	for b.Loop() {
		_ = s.Broadcast(b.Context(), rec)
	}
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

func broadcast(b *testing.B, s *httpsender.Sender) {
	if err := s.Broadcast(b.Context(), event.Record{Event: note(1)}); err != nil {
		b.Fatal(err)
	}
	_ = s.Flush(b.Context())
}

func oneByOne(b *testing.B, url string, transport *http.Transport) {
	defer transport.CloseIdleConnections()
	for i := range audience {
		body := fmt.Sprintf(`{"token":"%d","event":{"name":"note","data":"1"},"close":false}`, i)
		r, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/internal/send", strings.NewReader(body))
		answer, err := transport.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

// crowd is a registry with the audience in it.
func crowd(b *testing.B) *memregistry.Registry {
	registry := memregistry.New()
	for i := range audience {
		id := fmt.Sprintf("8c0f3a52-6b1f-4c8e-9d53-%012d", i)
		if _, err := registry.Put(b.Context(), connection.Connection{RequestID: connection.RequestID(id), Token: connection.Token(id)}); err != nil {
			b.Fatal(err)
		}
	}
	return registry
}

// silent is a gateway.Metrics that keeps nothing.
type silent struct{}

var _ gateway.Metrics = silent{}

func (silent) Sent(event.Service, int, int)      {}
func (silent) Took(event.Service, time.Duration) {}

// instant is a connection to a gateway that answers each request at once. A
// small request is one write.
type instant struct {
	net.Conn

	requests chan struct{}
}

func instantGateway(context.Context, string, string) (net.Conn, error) {
	return &instant{requests: make(chan struct{}, 1)}, nil
}

func (c *instant) Write(p []byte) (int, error) {
	c.requests <- struct{}{}
	return len(p), nil
}

func (c *instant) Read(p []byte) (int, error) {
	if _, open := <-c.requests; !open {
		return 0, io.EOF
	}
	return copy(p, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}"), nil
}

func (c *instant) Close() error {
	close(c.requests)
	return nil
}

// BenchmarkEventForNobody is what an event costs a node that has none of its streams.
func BenchmarkEventForNobody(b *testing.B) { // A12
	s, err := httpsender.New(httpsender.Config{URL: "http://gateway", Dial: instantGateway, Start: start}, crowd(b), silent{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	serve(b, s, newListener(memregistry.New()), newHistory())
	rec := event.Record{ID: start, Event: forSubject("nobody", 1)}
	b.ReportAllocs()
	for b.Loop() {
		rec.ID.Seq++
		if err := s.Broadcast(b.Context(), rec); err != nil {
			b.Fatal(err)
		}
	}
}
