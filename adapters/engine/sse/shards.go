package sse

import (
	"sync"
	"sync/atomic"

	"heliograph/adapters/engine/sse/transport"
)

// shards write the adopted streams, each its share of them. There are none before start,
// nor where the system has no epoll. Its methods are safe for concurrent use.
type shards struct {
	newKernel func(transport.Vanishing) (transport.Kernel, error)
	sockets   atomic.Int32            // open, of adopted streams
	all       atomic.Pointer[[]shard] // nil before start; for nudge, which must be cheap

	mu   sync.Mutex // held by start, so that early streams wait for it
	last int        // that next returned; guarded by mu
}

// start makes the shards of e. It is called once.
func (s *shards) start(e *Engine) []shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []shard
	for range e.cfg.Shards {
		if k, err := s.newKernel(e.cfg.vanishing()); err == nil {
			all = append(all, shard{transport.NewShard[*adopted](transport.Deps{
				Kernel: k, Log: e.log, Latencies: &e.latencies, Written: &e.counted.written, Open: &s.sockets, Stall: e.cfg.StallTimeout,
			})})
		}
	}
	s.all.Store(&all)
	return all
}

// list returns the shards; none before start.
func (s *shards) list() []shard {
	if all := s.all.Load(); all != nil {
		return *all
	}
	return nil
}

// next returns the shard for a new stream, if there is one.
func (s *shards) next() (sh shard, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.list()
	if len(all) == 0 {
		return shard{}, false
	}
	s.last = (s.last + 1) % len(all)
	return all[s.last], true
}

// nudge makes all look at the log.
func (s *shards) nudge() {
	for _, sh := range s.list() {
		sh.Nudge()
	}
}
