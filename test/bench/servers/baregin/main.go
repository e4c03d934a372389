// Command baregin is the reference for connects a second: a gin handler that
// hijacks the connection, writes the headers, and is done.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

func main() {
	port := flag.Int("streams", 0, "port, on 127.0.0.1")
	flag.Parse()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/stream", new(streams).open)
	server := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", *port), Handler: engine, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "baregin:", server.ListenAndServe())
	os.Exit(1)
}

const headers = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" +
	"Connection: keep-alive\r\nX-Accel-Buffering: no\r\n\r\n"

// streams keeps what was hijacked open.
type streams struct {
	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

func (s *streams) open(c *gin.Context) {
	conn, _, err := c.Writer.Hijack()
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	if _, err := conn.Write([]byte(headers)); err != nil {
		_ = conn.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
}
