package sse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Drain sends every stream away: what is in the log now reaches it, then a
// retry of its own, spread over Config.DrainSpread, and the end (rule G8). New
// streams are refused from then on. It returns when no stream is left, or when
// ctx ends, with its error; the rest are ended then without ceremony.
func (e *Engine) Drain(ctx context.Context) error {
	e.mu.Lock()
	if !e.draining {
		e.draining = true
		e.releaseLocked()
		if len(e.streams) == 0 {
			close(e.drained)
		}
	}
	e.mu.Unlock()
	for _, s := range e.snapshot() {
		frame := e.RetryFrame()
		_ = e.push(s.token, func(mark) private { return private{body: frame, final: true} }) // it may have ended by itself
	}
	select {
	case <-e.drained:
		return nil
	case <-ctx.Done():
		e.endAll()
		return fmt.Errorf("drain streams: %w", context.Cause(ctx))
	}
}

// RetryFrame asks a client to come back after a time of its own.
func (e *Engine) RetryFrame() []byte {
	// Nobody comes back in the first tenth, while the old process may still be ending.
	return retryFrame(e.cfg.DrainSpread/10, e.cfg.DrainSpread)
}

// LaterFrame asks a client that cannot be served now to come back after a time
// of its own, about as long as browsers wait anyway.
func LaterFrame() []byte { return retryFrame(time.Second, 3*time.Second) }

func retryFrame(soonest, latest time.Duration) []byte {
	return appendRetry(nil, soonest+rand.N(latest-soonest+1)) //nolint:gosec // a load spread is no secret
}

// close takes nothing more and ends every stream.
func (e *Engine) close() {
	e.mu.Lock()
	e.closed = true
	e.releaseLocked()
	e.mu.Unlock()
	e.endAll()
}

func (e *Engine) endAll() {
	for _, s := range e.snapshot() {
		s.end(errShutdown)
	}
}
