package httpserver

import (
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// writeTimeout is how long a client may take to read writePart bytes of an answer.
	// Streams have the same time.
	writeTimeout = 30 * time.Second
	// shutdownWriteTimeout is the same while the server shuts down.
	shutdownWriteTimeout = 2 * time.Second
	// writePart is in bytes.
	writePart = 64 << 10
)

// conn is a connection whose writes time out when the client reads too little.
// Without that, a client that reads nothing would hold the memory of its answer
// for as long as its TCP connection lives. A write deadline that a handler sets
// takes precedence: streams set their own.
type conn struct {
	net.Conn

	connections *connections
	owned       atomic.Bool    // a handler has set a write deadline
	taken       bool           // a stream has its socket; owned by the goroutine that serves it
	state       http.ConnState // guarded by connections.mu
	since       time.Time      // when state began; guarded by connections.mu
}

// closable reports whether c can be closed without losing a request. With connections.mu held.
func (c *conn) closable() bool {
	return c.state == http.StateIdle || c.state == http.StateNew && time.Since(c.since) > unusedTime
}

// before reports whether c should be closed before other, of two that can be: the
// idle ones first, then the oldest. With connections.mu held.
func (c *conn) before(other *conn) bool {
	if c.state != other.state {
		return c.state == http.StateIdle
	}
	return c.since.Before(other.since)
}

// Write implements net.Conn. Errors: errTaken, which makes net/http close c.
func (c *conn) Write(b []byte) (written int, err error) {
	if c.taken {
		return 0, errTaken
	}
	for {
		if !c.owned.Load() {
			if err := c.Conn.SetWriteDeadline(time.Now().Add(c.connections.writeTimeout())); err != nil {
				return written, err
			}
		}
		n, err := c.Conn.Write(b[written:min(len(b), written+writePart)])
		if written += n; err != nil || written == len(b) {
			return written, err
		}
	}
}

// SetWriteDeadline implements net.Conn. After the zero time, writes time out by
// themselves again.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.owned.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.owned.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// CloseWrite is called by net/http, so that a client can read an answer to its end
// before the connection is closed.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.connections.remove(c)
	return err
}
