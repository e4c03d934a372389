package httpserver_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"heliograph/adapters/http/httpserver"
)

func TestServerLeavesASocketAloneThatWasTaken(t *testing.T) { // G9
	for name, request := range map[string]string{
		"HTTP/1.1":              ask,
		"HTTP/1.0":              "GET / HTTP/1.0\n\n",
		"more than one request": ask + ask,
		"a body that is not read, after which net/http would end its side": "GET / HTTP/1.1\nHost: x\nContent-Length: 1048576\n\n" + strings.Repeat("x", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			taken := make(chan *os.File, 2)
			r := serve(t, httpserver.Config{}, func(w http.ResponseWriter, r *http.Request) {
				takeover := httpserver.TakeoverOf(r)
				tcp, ok := takeover.Conn().(*net.TCPConn)
				if !ok {
					t.Errorf("the connection is a %T", takeover.Conn())
					return
				}
				socket, err := tcp.File()
				if err != nil {
					t.Error(err)
				}
				takeover.Done()
				_, _ = w.Write(make([]byte, 1<<20))
				taken <- socket
			})
			c := r.dial()
			c.send(request)
			socket := <-taken
			if err := r.Shutdown(t.Context()); err != nil { // returns when the server has closed its descriptor
				t.Error(err)
			}
			if _, err := io.WriteString(socket, "the stream"); err != nil {
				t.Error(err)
			}
			if err := socket.Close(); err != nil {
				t.Error(err)
			}
			got := make([]byte, 100)
			n, _ := c.read.Read(got)
			if string(got[:n]) != "the stream" {
				t.Errorf("the client got %.100q, want what the stream has sent", got[:n])
			}
			if len(taken) > 0 {
				t.Error("the server has read another request")
			}
		})
	}
}

func TestOtherConnectionsCannotBeTaken(t *testing.T) {
	for _, major := range []int{2, 3} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.ProtoMajor = major
		if httpserver.TakeoverOf(r) != nil {
			t.Errorf("one of HTTP/%d can", major)
		}
	}
}
