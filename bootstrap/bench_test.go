package bootstrap_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
)

// BenchmarkConnect opens streams of the whole service, each with a connection and a
// name of its own, and closes them: what clients cost that connect again and again. The
// client's part of it is small.
func BenchmarkConnect(b *testing.B) {
	s := start(b, nil)
	addr, err := net.ResolveTCPAddr("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	answer, request := make([]byte, 4<<10), make([]byte, 0, 256)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		conn, err := net.DialTCP("tcp", nil, addr)
		if err != nil {
			b.Fatal(err)
		}
		request = fmt.Appendf(request[:0], "GET /api/sse/stream?request_id=bench-%d HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", i)
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		n, err := conn.Read(answer)
		if err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200 OK\r\n")) {
			b.Fatalf("%q, %v", answer[:n], err)
		}
		if err := conn.SetLinger(0); err != nil { // leaves no port waiting
			b.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.stop(); err != nil {
		b.Error(err)
	}
}
