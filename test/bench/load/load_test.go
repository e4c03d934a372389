//go:build linux

package load_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"heliograph/test/bench/load"
)

// hub is a server that is driven by the test: pieces is how a frame reaches a
// stream, one write each.
type hub struct {
	pieces func(payload string) []string

	mu      sync.Mutex
	streams []chan []string // guarded by mu
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		payload, _ := io.ReadAll(r.Body)
		h.deliver(h.pieces(string(payload)))
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the test sees what came
	stream := make(chan []string, 100)
	h.add(stream) // before the client can know, so that it gets all that is published then
	_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n: welcome\n\n")
	for pieces := range stream {
		for _, p := range pieces {
			_, err = io.WriteString(conn, p)
		}
		if err != nil {
			return
		}
	}
}

func (h *hub) add(stream chan []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams = append(h.streams, stream)
}

func (h *hub) deliver(pieces []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, stream := range h.streams {
		stream <- pieces
	}
}

// end ends all streams.
func (h *hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, stream := range h.streams {
		close(stream)
	}
}

// publish runs messages through 20 streams of a hub.
func publish(t *testing.T, pieces func(string) []string) load.Published {
	t.Helper()
	h := &hub{pieces: pieces}
	server := httptest.NewServer(h)
	defer server.Close()
	defer h.end()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	client, err := load.New()
	if err != nil {
		t.Fatal(err)
	}
	var connected load.Connected
	if err := client.Connect(load.ConnectArgs{Ports: []int{port}, Path: "/{n}", Streams: 20, Parallel: 5, Await: true}, &connected); err != nil || connected.Open != 20 {
		t.Fatalf("%d streams are open, want 20: %v", connected.Open, err)
	}
	defer client.Close(load.Nothing{}, nil) //nolint:errcheck // never fails
	body := load.Payload(150)
	request := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	var got load.Published
	if err := client.Publish(load.PublishArgs{Port: port, Request: []byte(request), Messages: 50, For: time.Minute, Rate: 1000}, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEveryDeliveryIsCountedHoweverItIsCut(t *testing.T) {
	for name, pieces := range map[string]func(string) []string{
		"whole":              func(p string) []string { return []string{"id: a-1\nevent: x\ndata: " + p + "\n\n"} },
		"in the mark":        func(p string) []string { return []string{"id: a-1\ndata: " + p[:30], p[30:] + "\n\n"} },
		"in the frame's end": func(p string) []string { return []string{"data: " + p + "\n", "\nid: a"} },
		"among comments":     func(p string) []string { return []string{": x\n\n: y\n\ndata: " + p + "\n\n: z\n\n: z"} },
	} {
		t.Run(name, func(t *testing.T) {
			got := publish(t, pieces)
			if got.Messages != 50 || got.Deliveries != 1000 || got.Lost != 0 {
				t.Errorf("%d messages, %d deliveries, %d lost; want 50, 1000, 0", got.Messages, got.Deliveries, got.Lost)
			}
			if l := got.Latency; l.P50 <= 0 || l.P99 < l.P50 || l.Max < l.P99 || len(l.Percentiles) != 101 {
				t.Errorf("latency %v", l)
			}
		})
	}
}

func TestPayloadHasItsSize(t *testing.T) {
	for _, size := range []int{46, 150, 1000} {
		if got := len(load.Payload(size)); got != size {
			t.Errorf("payload of %d bytes, want %d", got, size)
		}
	}
}
