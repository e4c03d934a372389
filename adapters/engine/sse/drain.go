package sse

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/transport"
	"heliograph/adapters/engine/sse/wire"
)

// Drain ends every stream so that its client reconnects later: the stream gets what is
// in the log now, then a retry time of its own, spread over up to Config.DrainSpread, and
// the end (rule G8). New streams are refused from then on. It returns when no stream is
// left, or when ctx ends, with its error; the remaining streams are then cut off.
func (e *Engine) Drain(ctx context.Context) error {
	e.mu.Lock()
	e.drainer.begin(len(e.registry.byToken))
	e.resumer.release()
	e.mu.Unlock()
	streams := e.streams()
	soonest, latest := e.drainer.returnTimes(len(streams))
	for i, s := range streams { // in no order
		frame := wire.AppendRetry(nil, soonest+(latest-soonest)*time.Duration(i)/time.Duration(len(streams)))
		_ = e.push(s.token, func(log.Position) private { return private{body: frame, final: true} }) // it may have ended by itself
	}
	select {
	case <-e.drainer.done:
		return nil
	case <-ctx.Done():
		e.endBefore(math.MaxUint64, transport.ErrShutdown)
		return fmt.Errorf("drain streams: %w", context.Cause(ctx))
	}
}

// RetryFrame asks a client, one of about as many as the engine has streams, to come
// back after a time of its own.
func (e *Engine) RetryFrame() []byte {
	e.mu.Lock()
	streams := max(len(e.registry.byToken), e.drainer.streams) + 1
	e.mu.Unlock()
	return retryFrame(e.drainer.returnTimes(streams))
}

// drainer knows whether the engine drains. It is guarded by Engine.mu, but for
// returnTimes.
type drainer struct {
	spread   time.Duration // over which clients come back
	draining bool
	streams  int           // open when draining began
	done     chan struct{} // closed when draining and no stream is left
}

func newDrainer(spread time.Duration) drainer {
	return drainer{spread: spread, done: make(chan struct{})}
}

// begin is called with the number of streams. Called again it does nothing.
func (d *drainer) begin(streams int) {
	if d.draining {
		return
	}
	d.draining, d.streams = true, streams
	d.left(streams)
}

// left says that a stream ended, and how many are left.
func (d *drainer) left(streams int) {
	if d.draining && streams == 0 {
		close(d.done)
	}
}

const (
	// returnPace is the time between two clients that come back: a process that has just
	// started serves a hundred a second easily.
	returnPace = 10 * time.Millisecond
	// minReturn is when the first may come back: no sooner, since the old process may
	// still be ending.
	minReturn = 250 * time.Millisecond
)

// returnTimes is when, from now, the first and the last of so many clients are to come
// back: the fewer there are, the sooner.
func (d *drainer) returnTimes(streams int) (soonest, latest time.Duration) {
	first := min(minReturn, d.spread/10)
	latest = min(first+time.Duration(max(0, streams-1))*returnPace, d.spread)
	return max(first, latest/10), latest
}

// LaterFrame asks a client that cannot be served now to come back after a time of its
// own, about as long as browsers wait by default.
func LaterFrame() []byte { return retryFrame(time.Second, 3*time.Second) }

func retryFrame(soonest, latest time.Duration) []byte {
	return wire.AppendRetry(nil, soonest+rand.N(latest-soonest+1)) //nolint:gosec // a load spread is no secret
}
