package sse

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"heliograph/adapters/engine/sse/transport"
	"heliograph/domain/gateway"
)

// How long a client waits for its node in all, and before the broker is asked.
const (
	ResumeTime = resumeTime
	UsualLag   = usualLag
	MaxScanned = maxScanned
)

// What an anonymous stream takes, in bytes, without and with its first events.
const (
	StreamSize   = unsafe.Sizeof(Stream{})
	QueueSize    = unsafe.Sizeof(queue{})
	PrivatesSize = 3 * unsafe.Sizeof(private{}) // see newQueue
)

// Simulation is a kernel whose sockets take everything at once, or nothing
// while they are stuck, and which counts what is asked of it.
type Simulation struct {
	Writes, Bytes, Closed atomic.Int64

	mu   sync.Mutex
	next [2]int   // descriptors given, of each kind; guarded by mu
	free [2][]int // and given back; guarded by mu
	done chan struct{}
}

// NewSimulated returns an engine over one simulation per shard.
func NewSimulated(cfg Config, metrics gateway.Metrics) (*Engine, func() []*Simulation) {
	var mu sync.Mutex
	var all []*Simulation
	e := newEngine(cfg, metrics, func(transport.Vanishing) (transport.Kernel, error) {
		k := &Simulation{done: make(chan struct{})}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, k)
		return k, nil
	})
	return e, func() []*Simulation {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// SimulatedConn is what a simulation adopts; with Stuck it takes nothing.
type SimulatedConn struct {
	net.Conn // nil

	Stuck bool
}

// Close does nothing.
func (SimulatedConn) Close() error { return nil }

// Take gives stuck sockets odd descriptors.
func (k *Simulation) Take(conn net.Conn) (int, error) {
	stuck := 0
	if conn.(SimulatedConn).Stuck {
		stuck = 1
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.free[stuck]); n > 0 {
		fd := k.free[stuck][n-1]
		k.free[stuck] = k.free[stuck][:n-1]
		return fd, nil
	}
	k.next[stuck]++
	return 2*k.next[stuck] + stuck, nil
}

func (k *Simulation) Watch(int, int32, bool) error { return nil }

func (k *Simulation) Write(fd int, b []byte) (int, error) {
	if fd%2 == 1 {
		return 0, transport.ErrBlocked
	}
	k.Writes.Add(1)
	k.Bytes.Add(int64(len(b)))
	return len(b), nil
}

func (k *Simulation) Discard(int) (int, error) { return 0, transport.ErrBlocked }

func (k *Simulation) Close(fd int) {
	k.Closed.Add(1)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.free[fd%2] = append(k.free[fd%2], fd)
}

func (k *Simulation) Wait([]transport.Readiness) (int, error) {
	<-k.done
	return 0, transport.ErrShutdown
}

func (k *Simulation) Shut() { close(k.done) }

// ReturnTimes is when clients are to come back.
func (e *Engine) ReturnTimes(streams int) (soonest, latest time.Duration) {
	return e.drainer.returnTimes(streams)
}

// AudienceKeys returns how many keys streams are found by.
func (e *Engine) AudienceKeys() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.audiences.index.Keys() + len(e.audiences.single)
}

// Queued returns how many events wait for the stream outside the log.
func (s *Stream) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue.waiting())
}
