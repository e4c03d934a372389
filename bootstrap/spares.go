package bootstrap

import (
	"net"
	"net/http"
	"sync"
)

// spares are connections on which nothing was asked yet. Browsers open some
// ahead, and http.Server.Shutdown takes each for one whose request may be on its
// way, for five seconds; a service that stops has no use for them.
type spares struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
}

// track is the server's ConnState.
func (s *spares) track(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	if state != http.StateNew {
		return
	}
	if s.closed {
		_ = conn.Close() // nothing was on it that could be lost
		return
	}
	s.conns[conn] = struct{}{}
}

// close closes them, and those that still come.
func (s *spares) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
}
