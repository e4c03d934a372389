package transport

import (
	"errors"
	"fmt"
	"net"

	"heliograph/adapters/engine/sse/log"
)

// Why a stream ends, or goes on later.
var (
	// ErrBlocked: the socket takes or has nothing now.
	ErrBlocked    = errors.New("the socket takes or has nothing now")
	ErrClientGone = errors.New("the client went away")
	ErrEnded      = errors.New("the stream was ended by the server")
	ErrShutdown   = errors.New("the engine was shut down")
	ErrStalled    = errors.New("slow consumer: it took nothing for too long")
	ErrSlowLog    = fmt.Errorf("slow consumer: %w", log.ErrBehind)
)

// ErrNotAdoptable says that a connection's socket cannot be taken over: it is
// not plain TCP, the system has no epoll, or the engine is stopped. Serve the
// stream instead.
var ErrNotAdoptable = errors.New("the connection's socket cannot be taken over")

// Kernel holds the system calls that a shard uses. Tests and benchmarks have a
// simulated one.
type Kernel interface {
	Sockets
	Poller
}

// Sockets never block. Errors: ErrBlocked if a socket takes or has nothing
// now, ErrClientGone, ErrStalled, or what is wrong.
type Sockets interface {
	// Take makes conn's socket the shard's; closing conn leaves it open. Errors:
	// ErrNotAdoptable.
	Take(conn net.Conn) (fd int, err error)
	// Watch makes Wait report, with this generation, when the client of a new socket sends
	// something or is gone; called again with writable, also when the socket takes more.
	Watch(fd int, generation int32, writable bool) error
	// Write writes what the socket takes now.
	Write(fd int, b []byte) (int, error)
	// Discard drops what the client sent, up to a little over MaxClientBytes.
	Discard(fd int) (int, error)
	Close(fd int)
}

// Poller reports the Readiness of sockets.
type Poller interface {
	// Wait fills ready, blocking until there is something. Errors: ErrShutdown
	// once Shut was called.
	Wait(ready []Readiness) (int, error)
	Shut()
}

// Readiness is what changed on a socket.
type Readiness struct {
	FD                         int
	Generation                 int32
	Readable, Writable, Broken bool
}

// MaxClientBytes is how much a client may send after its request; an
// EventSource sends nothing.
const MaxClientBytes = 16 << 10
