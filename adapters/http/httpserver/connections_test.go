package httpserver_test

import (
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/http/httpserver"
)

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

// Descriptors are left for others, and idle connections are closed first.

func TestIdleConnectionsMakeRoom(t *testing.T) {
	r := serve(t, httpserver.Config{MaxConnections: 3}, hello)
	for range 20 {
		c := r.dial()
		c.send(ask)
		if _, body := c.answer(); body != "hello" {
			t.Errorf("got %q", body)
		}
	}
}

// onClose is a connection that can only be closed.
type onClose struct {
	net.Conn

	f func()
}

func (c onClose) Close() error {
	c.f()
	return nil
}

func TestOldestIdleConnectionIsClosedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := httpserver.NewConnections(1)
		names, closed := map[string]net.Conn{}, ""
		for _, name := range []string{"busy", "unused", "idle", "idle for long", "unused for long"} {
			names[name] = open.Add(onClose{f: func() { closed = name }})
		}
		set := func(state http.ConnState, conns ...string) {
			for _, name := range conns {
				open.Track(names[name], state)
			}
		}
		set(http.StateActive, "busy")
		set(http.StateIdle, "idle for long")
		time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's clock
		set(http.StateNew, "unused")
		set(http.StateIdle, "idle")
		for _, want := range []string{"idle for long", "idle", "unused for long", ""} {
			closed = ""
			open.CloseIdle()
			if closed != want {
				t.Errorf("%q was closed, want %q", closed, want)
			}
		}
	})
}

func TestBusyConnectionsAreNotClosed(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	r := serve(t, httpserver.Config{MaxConnections: 2}, func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-release
		hello(w, nil)
	})
	first, second, third := r.dial(), r.dial(), r.dial()
	first.send(ask)
	<-entered
	second.send(ask)
	<-entered
	third.send(ask) // it waits in the system's queue
	close(release)
	for _, c := range []*client{first, second} {
		if _, body := c.answer(); body != "hello" {
			t.Errorf("got %q", body)
		}
	}
	<-entered
	if _, body := third.answer(); body != "hello" {
		t.Errorf("the third got %q", body)
	}
}

func TestAdoptedStreamsCountAsConnections(t *testing.T) {
	var streams atomic.Int32
	streams.Store(5)
	r := serve(t, httpserver.Config{MaxConnections: 5, Sockets: func() int { return int(streams.Load()) }}, hello)
	waiting := r.dial()
	waiting.send(ask)
	streams.Store(4)
	if _, body := waiting.answer(); body != "hello" {
		t.Errorf("got %q", body)
	}
}

func TestDrainingAnswersCloseTheirConnections(t *testing.T) { // T15
	entered, release := make(chan struct{}), make(chan struct{})
	r := serve(t, httpserver.Config{}, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			entered <- struct{}{}
			<-release
		}
		hello(w, req)
	})
	idle, busy := r.dial(), r.dial()
	idle.send(ask)
	idle.answer()
	busy.send("GET /slow HTTP/1.1\nHost: x\n\n")
	<-entered
	r.Drain()
	idle.ended()
	close(release)
	late := r.dial()
	late.send(ask)
	for _, c := range []*client{busy, late} {
		resp, body := c.answer()
		if body != "hello" || !resp.Close {
			t.Errorf("got %q with %v", body, resp.Header)
		}
		c.ended()
	}
}
