package httpserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"heliograph/adapters/http/httpserver"
)

// BenchmarkConnect is a new connection with one small request on it, as a browser
// makes for its stream: what the server's bounds cost, beside a bare http.Server.
func BenchmarkConnect(b *testing.B) {
	for name, start := range map[string]func(b *testing.B) net.Addr{
		"bounded": func(b *testing.B) net.Addr { return serve(b, httpserver.Config{MaxConnections: 10_000}, hello).Addr() },
		"bare": func(b *testing.B) net.Addr {
			server := httptest.NewServer(http.HandlerFunc(hello))
			b.Cleanup(server.Close)
			return server.Listener.Addr()
		},
	} {
		b.Run(name, func(b *testing.B) {
			addr := start(b).String()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					conn, err := net.Dial("tcp", addr)
					if err != nil {
						b.Error(err)
						return
					}
					if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
						b.Error(err)
						return
					}
					resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if err != nil {
						b.Error(err)
						return
					}
					_ = resp.Body.Close()
					_ = conn.Close()
				}
			})
		})
	}
}
