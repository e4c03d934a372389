package sse

import (
	"cmp"
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/engine/sse/wire"
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
	cfg       Config
	metrics   gateway.Metrics
	latencies latencies
	log       *log.Log
	encoder   encoder
	counted   counters
	publisher

	shards   shards   // write the adopted streams
	handoffs handoffs // of streams to shards
	endings  endings  // of adopted streams
	rounds   *rounds  // of the other streams

	mu        sync.Mutex
	registry  registry  // guarded by mu
	audiences audiences // guarded by mu
	inspector Inspector // takes mu itself, as the next one does where it does not say otherwise
	resumer   resumer
	drainer   drainer    // guarded by mu
	beats     heartbeats // guarded by mu
	closed    bool       // guarded by mu
}

// New returns an engine without streams. It starts nothing.
func New(cfg Config, metrics gateway.Metrics) *Engine {
	return newEngine(cfg, metrics, transport.NewKernel)
}

func newEngine(cfg Config, metrics gateway.Metrics, newKernel func(transport.Vanishing) (transport.Kernel, error)) *Engine {
	cfg = cfg.withDefaults()
	all := log.New(cfg.Start, cfg.HistoryBytes)
	e := &Engine{
		cfg: cfg, metrics: metrics, latencies: latencies{metrics: metrics}, log: all,
		encoder: encoder{format: cfg.Format, epoch: cfg.Start.Epoch},
		shards:  shards{newKernel: newKernel}, endings: endings{signal: make(chan struct{}, 1)}, rounds: newRounds(),
		registry: newRegistry(cfg.MaxStreams), audiences: newAudiences(cfg, all), drainer: newDrainer(cfg.DrainSpread), beats: newHeartbeats(cfg.Heartbeat, cfg.Ping),
	}
	e.publisher, e.inspector = publisher{engine: e}, Inspector{engine: e}
	e.resumer = resumer{engine: e, history: newBrokerHistory(cfg.History)}
	return e
}

// Serve writes adopted streams, wakes the others, sends heartbeats and finds
// slow consumers until ctx ends; then it ends every stream and takes nothing
// more. It returns nil once nothing runs any more.
func (e *Engine) Serve(ctx context.Context) error {
	var parts sync.WaitGroup
	for _, sh := range e.shards.start(e) {
		parts.Go(func() { sh.Serve(ctx) })
	}
	parts.Go(func() { e.endings.serve(ctx) })
	e.serve(ctx)
	e.mu.Lock()
	e.closed = true
	e.resumer.release()
	e.mu.Unlock()
	e.endBefore(math.MaxUint64, transport.ErrShutdown)
	parts.Wait()
	e.endings.flush()
	return nil
}

// Format is how events are encoded.
func (e *Engine) Format() wire.Format { return e.cfg.Format }

// Interval is how often something comes over a stream at least: a ping, or without pings a
// heartbeat. 0 is unknown.
func (e *Engine) Interval() time.Duration { return cmp.Or(e.cfg.Ping, e.cfg.Heartbeat) }

// Sockets returns how many sockets of adopted streams are open.
func (e *Engine) Sockets() int { return int(e.shards.sockets.Load()) }

// Adopts reports whether streams can be adopted now.
func (e *Engine) Adopts() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.shards.list()) > 0 && !e.closed
}

func (e *Engine) serve(ctx context.Context) {
	beat := time.NewTimer(e.beat())
	defer beat.Stop()
	var tail uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			beat.Reset(e.beat())
		case <-e.rounds.appended:
			if !e.rounds.end() {
				continue
			}
			if now := e.log.Tail().Off; now != tail {
				tail = now
				e.endBefore(tail, transport.ErrSlowLog)
			}
		}
	}
}

// endBefore ends the streams that are before an offset in the log: one slow consumer
// must not hold memory, and it can come back.
func (e *Engine) endBefore(off uint64, why error) {
	for _, s := range e.streams() {
		if s.offset.Load() < off {
			s.end(why)
		}
	}
}

func (e *Engine) streams() []*Stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.registry.all()
}
