package e2e_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// cutter is a TCP proxy that breaks connections in the middle of anything.
type cutter struct {
	listener net.Listener
	target   string
	cut      func() (after int64, reset bool) // asked once per connection, by one goroutine
	running  sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{} // guarded by mu; nil once closed
}

// newCutter returns a proxy to target, which lives until the test's end. Each
// connection breaks once the given number of bytes has come back from target:
// with a TCP reset if reset, otherwise with an ordinary end.
func newCutter(t *testing.T, target string, cut func() (after int64, reset bool)) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: listener, target: target, cut: cut, open: map[net.Conn]struct{}{}}
	c.running.Go(c.serve)
	t.Cleanup(c.close)
	return c
}

func (c *cutter) url() string { return "http://" + c.listener.Addr().String() }

func (c *cutter) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		after, reset := c.cut()
		c.running.Go(func() { c.carry(conn.(*net.TCPConn), after, reset) })
	}
}

func (c *cutter) carry(client *net.TCPConn, after int64, reset bool) {
	defer c.forget(client)
	service, err := net.Dial("tcp", c.target)
	if err != nil || !c.remember(client, service) {
		return
	}
	defer c.forget(service)
	c.running.Go(func() { _, _ = io.Copy(service, client) }) // ends when either is closed
	_, _ = io.CopyN(client, service, after)
	if reset {
		_ = client.SetLinger(0)
	}
}

func (c *cutter) remember(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		if c.open == nil {
			_ = conn.Close()
			continue
		}
		c.open[conn] = struct{}{}
	}
	return c.open != nil
}

func (c *cutter) forget(conn net.Conn) {
	_ = conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
}

func (c *cutter) close() {
	_ = c.listener.Close()
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.Close()
	}
	c.running.Wait()
}
