package httpserver

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// retryPause is how long to wait for room before looking again: streams end
	// without a word to the server.
	retryPause = 100 * time.Millisecond
	// unusedTime is what a new connection has for its first request before it may be
	// closed to make room.
	unusedTime = time.Second
)

// connections are those that a server has open, but for those whose sockets
// streams have taken. It is safe for concurrent use.
type connections struct {
	limit   int        // 0: none
	sockets func() int // of streams, which count too
	hurried atomic.Bool
	freed   chan struct{} // holds one when a connection was closed

	mu   sync.Mutex
	open map[*conn]struct{} // guarded by mu
}

func newConnections(limit int, sockets func() int) *connections {
	return &connections{limit: limit, sockets: sockets, freed: make(chan struct{}, 1), open: make(map[*conn]struct{})}
}

// listener hands out connections that are tracked, while there is room for them.
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

// awaitRoom returns when another connection may be accepted, or given is closed.
func (cs *connections) awaitRoom(given <-chan struct{}) {
	for !cs.room() && !cs.closeIdle() {
		select {
		case <-given:
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
	if state == http.StateNew && cs.hurried.Load() {
		_ = c.Close() // nothing was on it that could be lost
	}
}

// hurry prepares for the end of the server: connections on which nothing was
// asked yet are closed, for http.Server.Shutdown takes each for one whose request
// may be on its way, for five seconds; and whoever takes nothing of an answer is
// not waited for.
func (cs *connections) hurry() {
	cs.hurried.Store(true)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		switch {
		case c.state == http.StateNew:
			_ = c.Conn.Close()
		case !c.owned.Load():
			_ = c.Conn.SetWriteDeadline(time.Now().Add(hurriedTimeout)) // it fails only for one that is closed
		}
	}
}

// patience is how long a write may make no progress.
func (cs *connections) patience() time.Duration {
	if cs.hurried.Load() {
		return hurriedTimeout
	}
	return writeTimeout
}
