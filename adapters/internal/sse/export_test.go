package sse

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/domain/gateway"
)

// Simulation is a kernel whose sockets take everything at once, or nothing
// while they are stuck, and which counts what is asked of it.
type Simulation struct {
	Writes, Bytes, Closed atomic.Int64

	mu    sync.Mutex
	next  int
	free  []int
	stuck map[int]bool
	news  chan readiness
	done  chan struct{}
}

// NewSimulated returns an engine over one simulation per shard.
func NewSimulated(cfg Config, metrics gateway.Metrics) (*Engine, func() []*Simulation) {
	var mu sync.Mutex
	var all []*Simulation
	e := newEngine(cfg, metrics, func(time.Duration) (kernel, error) {
		k := &Simulation{stuck: map[int]bool{}, news: make(chan readiness, 16), done: make(chan struct{})}
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

func (k *Simulation) take(conn net.Conn) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fd := k.next
	if n := len(k.free); n > 0 {
		fd, k.free = k.free[n-1], k.free[:n-1]
	} else {
		k.next++
	}
	if conn.(SimulatedConn).Stuck {
		k.stuck[fd] = true
	}
	return fd, nil
}

func (k *Simulation) watch(int, int32) error { return nil }

func (k *Simulation) write(fd int, b []byte) (int, error) {
	if len(k.stuck) > 0 && k.stuck[fd] {
		return 0, errBlocked
	}
	k.Writes.Add(1)
	k.Bytes.Add(int64(len(b)))
	return len(b), nil
}

func (k *Simulation) discard(int) (int, error) { return 0, errBlocked }

func (k *Simulation) close(fd int) {
	k.Closed.Add(1)
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.stuck, fd)
	k.free = append(k.free, fd)
}

// Hangup has the client of the descriptor fd go away; the mark is the order in
// which the shard got it, from 1.
func (k *Simulation) Hangup(fd int, mark int32) {
	k.news <- readiness{fd: fd, mark: mark, broken: true}
}

func (k *Simulation) wait(ready []readiness) (int, error) {
	select {
	case ready[0] = <-k.news:
		return 1, nil
	case <-k.done:
		return 0, errShutdown
	}
}

func (k *Simulation) shut() { close(k.done) }
