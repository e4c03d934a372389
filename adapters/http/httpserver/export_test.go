package httpserver

import (
	"net"
	"net/http"
)

// GrowDescriptors is growDescriptors, for tests.
var GrowDescriptors = growDescriptors

// Track returns c as a server of no bound has it.
func Track(c net.Conn) net.Conn { return NewConnections(0).Add(c) }

// Connections is connections.
type Connections struct{ *connections }

// NewConnections is newConnections, without streams.
func NewConnections(limit int) Connections {
	return Connections{newConnections(limit, func() int { return 0 })}
}

// Add is add.
func (c Connections) Add(accepted net.Conn) net.Conn { return c.add(accepted) }

// Track is track.
func (c Connections) Track(conn net.Conn, state http.ConnState) { c.track(conn, state) }

// CloseIdle is closeIdle.
func (c Connections) CloseIdle() bool { return c.closeIdle() }
