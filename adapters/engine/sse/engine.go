package sse

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
)

// Errors of Attach, beside gateway.ErrClosed.
var (
	// ErrTooManyStreams: Config.MaxStreams is reached.
	ErrTooManyStreams = errors.New("too many streams are open")
	// ErrDraining: the engine is draining; answer this client with Engine.RetryFrame, so
	// that it reconnects later.
	ErrDraining = errors.New("the service is shutting down")
)

// Engine is the embedded gateway: the log and the streams that read it. It is
// safe for concurrent use.
type Engine struct {
	cfg     Config
	metrics gateway.Metrics
	ledger  ledger
	log     *log.Log
	history history

	newKernel func(transport.Vanishing) (transport.Kernel, error)
	endings   endings                       // of adopted streams
	bodies    gateway.Latest[[]byte]        // of private events
	handoffs  handoffs                      // of streams to shards
	round     atomic.Pointer[chan struct{}] // closed when there is something new
	appended  chan struct{}                 // tells Serve to end the round
	portable  atomic.Int32                  // streams served by a goroutine
	sockets   atomic.Int32                  // open, of adopted streams

	mu             sync.Mutex
	shards         []shard                      // while Serve runs; guarded by mu
	next           int                          // the shard to adopt next; guarded by mu
	streams        map[connection.Token]*Stream // guarded by mu
	names          names                        // of streams; guarded by mu
	beats          heartbeats                   // guarded by mu
	awaited        chan struct{}                // closed by releaseLocked; nil if nothing waits; guarded by mu
	draining       bool                         // guarded by mu
	drainedStreams int                          // open when draining began; guarded by mu
	closed         bool                         // guarded by mu
	drained        chan struct{}                // closed when draining and no stream is left

	counters
}

// New returns an engine without streams. It starts nothing.
func New(cfg Config, metrics gateway.Metrics) *Engine {
	return newEngine(cfg, metrics, transport.NewKernel)
}

func newEngine(cfg Config, metrics gateway.Metrics, newKernel func(transport.Vanishing) (transport.Kernel, error)) *Engine {
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg: cfg, metrics: metrics, newKernel: newKernel, ledger: ledger{metrics: metrics}, log: log.New(cfg.Start, cfg.HistoryBytes), history: newHistory(cfg.History),
		endings: endings{signal: make(chan struct{}, 1)}, appended: make(chan struct{}, 1), drained: make(chan struct{}),
		streams: make(map[connection.Token]*Stream), beats: newHeartbeats(cfg.Heartbeat, cfg.Ping),
	}
	e.round.Store(new(make(chan struct{})))
	return e
}

// Serve writes adopted streams, wakes the others, sends heartbeats and finds
// slow consumers until ctx ends; then it ends every stream and takes nothing
// more. It returns nil once nothing runs any more.
func (e *Engine) Serve(ctx context.Context) error {
	var parts sync.WaitGroup
	for _, sh := range e.makeShards() {
		parts.Go(func() { sh.Serve(ctx) })
	}
	parts.Go(func() { e.endings.serve(ctx) })
	e.serve(ctx)
	e.close()
	parts.Wait()
	e.endings.flush()
	return nil
}

// makeShards makes no shards where the system has no epoll.
func (e *Engine) makeShards() []shard {
	e.mu.Lock()
	defer e.mu.Unlock()
	for range e.cfg.Shards {
		if k, err := e.newKernel(e.vanishing()); err == nil {
			e.shards = append(e.shards, shard{transport.NewShard[*adopted](transport.Deps{
				Kernel: k, Log: e.log, Ledger: &e.ledger, Written: &e.written, Open: &e.sockets, Stall: e.cfg.StallTimeout,
			})})
		}
	}
	return e.shards
}

// Format is how events are encoded.
func (e *Engine) Format() wire.Format { return e.cfg.Format }

// Sockets returns how many sockets of adopted streams are open.
func (e *Engine) Sockets() int { return int(e.sockets.Load()) }

// Adopts reports whether streams can be adopted now.
func (e *Engine) Adopts() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.shards) > 0 && !e.closed
}

// nextShard returns the shard for a new stream, if there is one.
func (e *Engine) nextShard() (sh shard, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.shards) == 0 {
		return shard{}, false
	}
	e.next = (e.next + 1) % len(e.shards)
	return e.shards[e.next], true
}

// vanishing returns how clients that vanished without closing the connection are
// noticed. Where there are heartbeats, no further probes are needed.
func (e *Engine) vanishing() transport.Vanishing {
	return transport.Vanishing{After: e.cfg.StallTimeout, Probes: e.cfg.Heartbeat == 0}
}

func (e *Engine) serve(ctx context.Context) {
	beat := time.NewTimer(e.untilHeartbeat())
	defer beat.Stop()
	var tail uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			e.sendHeartbeat()
			beat.Reset(e.untilHeartbeat())
		case <-e.appended:
			if e.portable.Load() == 0 {
				continue
			}
			close(*e.round.Swap(new(make(chan struct{}))))
			if now := e.log.Tail().Off; now != tail {
				tail = now
				e.endSlow(tail)
			}
		}
	}
}

func (e *Engine) appendedLocked() {
	e.beats.appended()
	e.releaseLocked()
	for _, sh := range e.shards {
		sh.Nudge()
	}
	select {
	case e.appended <- struct{}{}:
	default: // Serve has not seen the one before yet
	}
}

// endSlow ends the streams whose position is no longer in the log: one slow consumer
// must not hold memory, and it can come back.
func (e *Engine) endSlow(tail uint64) {
	for _, s := range e.snapshot() {
		if s.offset.Load() < tail {
			s.end(transport.ErrSlowLog)
		}
	}
}

func (e *Engine) snapshot() []*Stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*Stream, 0, len(e.streams))
	for _, s := range e.streams {
		all = append(all, s)
	}
	return all
}
