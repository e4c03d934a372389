package httpserver

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// retryPause is how long to wait for room before looking again: the server is not
	// called when a stream ends.
	retryPause = 100 * time.Millisecond
	// unusedTime is how long a new connection may have no request before it can be
	// closed to make room for others.
	unusedTime = time.Second
)

// connections are the open connections of a server, without those whose sockets
// streams have taken. It is safe for concurrent use.
type connections struct {
	limit   int        // 0: none
	sockets func() int // returns how many sockets streams have taken; they count too
	// shuttingDown is set by prepareShutdown.
	shuttingDown atomic.Bool
	freed        chan struct{} // holds one when a connection was closed

	mu   sync.Mutex
	open map[*conn]struct{} // guarded by mu
}

func newConnections(limit int, sockets func() int) *connections {
	return &connections{limit: limit, sockets: sockets, freed: make(chan struct{}, 1), open: make(map[*conn]struct{})}
}

// listener accepts connections while there is room, and tracks them.
type listener struct {
	net.Listener

	connections *connections
	closed      chan struct{}
	closing     sync.Once
}

// listen returns a listener before next.
func (cs *connections) listen(next net.Listener) net.Listener {
	return &listener{Listener: next, connections: cs, closed: make(chan struct{})}
}

// Accept implements net.Listener. While there is no room, clients wait in the
// system's queue.
func (l *listener) Accept() (net.Conn, error) {
	l.connections.awaitRoom(l.closed)
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.connections.add(accepted), nil
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// awaitRoom waits until another connection may be accepted, or closed is closed.
func (cs *connections) awaitRoom(closed <-chan struct{}) {
	for !cs.room() && !cs.closeIdle() {
		select {
		case <-closed:
			return
		case <-cs.freed:
		case <-time.After(retryPause):
		}
	}
}

func (cs *connections) room() bool {
	if cs.limit == 0 {
		return true
	}
	streams := cs.sockets()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)+streams < cs.limit
}

// closeIdle closes the connection that has been idle the longest, or else has
// waited the longest for its first request. It reports whether there was one.
func (cs *connections) closeIdle() bool {
	cs.mu.Lock()
	var oldest *conn
	for c := range cs.open {
		if c.closable() && (oldest == nil || c.before(oldest)) {
			oldest = c
		}
	}
	cs.mu.Unlock()
	if oldest == nil {
		return false
	}
	_ = oldest.Close() // nothing was on it that could be lost
	return true
}

func (cs *connections) add(accepted net.Conn) *conn {
	c := &conn{Conn: accepted, connections: cs, state: http.StateNew, since: time.Now()}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.open[c] = struct{}{}
	return c
}

// remove forgets c. It may be called again.
func (cs *connections) remove(c *conn) {
	cs.mu.Lock()
	delete(cs.open, c)
	cs.mu.Unlock()
	select {
	case cs.freed <- struct{}{}:
	default: // it says so already
	}
}

// track is the http.Server's ConnState.
func (cs *connections) track(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	cs.mu.Lock()
	c.state, c.since = state, time.Now()
	cs.mu.Unlock()
	if state == http.StateNew && cs.shuttingDown.Load() {
		_ = c.Close() // nothing was on it that could be lost
	}
}

// prepareShutdown closes the connections that have had no request yet, because
// http.Server.Shutdown waits five seconds for the first one. Clients that do not
// read their answers get less time.
func (cs *connections) prepareShutdown() {
	cs.shuttingDown.Store(true)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		switch {
		case c.state == http.StateNew:
			_ = c.Conn.Close()
		case !c.owned.Load():
			_ = c.Conn.SetWriteDeadline(time.Now().Add(shutdownWriteTimeout)) // it fails only for one that is closed
		}
	}
}

// writeTimeout is how long a client may take to read writePart bytes.
func (cs *connections) writeTimeout() time.Duration {
	if cs.shuttingDown.Load() {
		return shutdownWriteTimeout
	}
	return writeTimeout
}
