package sse

import (
	"context"
	"errors"
	"math"
	"time"

	"heliograph/adapters/engine/sse/log"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// ErrLagging says that this node does not have the events that the client needs next,
// while another node or the broker may have them. Answer the client with LaterFrame: it
// comes back later, perhaps to another node.
var ErrLagging = errors.New("this node lags behind the log")

const (
	// resumeTime is how long a client waits for its node: less than proxies wait, and
	// nodes are milliseconds apart unless something is wrong.
	resumeTime = 3 * time.Second
	// usualLag is how far apart nodes may be before the broker is asked.
	usualLag = 500 * time.Millisecond
	// confirmPause is between two answers that the broker does not have what the client
	// has: a server that has just become leader may not know yet what was accepted
	// before, and a client that is reset because of that fetches again what it has.
	confirmPause = time.Second
	// askPause is between two requests to the broker, if the first was not answered.
	askPause = 250 * time.Millisecond
)

// errAhead says that a position is not in the log yet.
var errAhead = errors.New("position is not in the log yet")

// Resume is Attach for a log that other nodes have too. If the client has got events
// from another node that this one does not have yet, it waits for them; events that the
// log here no longer has are requested from the broker. Errors: as Attach, and ErrLagging, also when ctx
// ends.
func (e *Engine) Resume(ctx context.Context, token connection.Token, client Client) (*Stream, error) {
	c := e.resumeRequest(client.LastEventID)
	s, err := e.attach(&Stream{engine: e, token: token, name: client.Name}, c)
	if !errors.Is(err, errAhead) && !errors.Is(err, log.ErrBehind) {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	for {
		switch {
		case errors.Is(err, errAhead):
			e.await(ctx, &c)
		case errors.Is(err, log.ErrBehind):
			e.fetch(ctx, &c)
		default:
			return s, err
		}
		if ctx.Err() != nil {
			return nil, ErrLagging
		}
		s, err = e.attach(&Stream{engine: e, token: token, name: client.Name}, c)
	}
}

// await returns once the log has reached the client's position, or the resume request
// has found that it never will, or when ctx ends.
func (e *Engine) await(ctx context.Context, c *resumeRequest) {
	confirmed := false
	for patience := usualLag; !e.waitForSequence(ctx, c.id.Seq, patience) && ctx.Err() == nil; {
		known, err := e.history.has(ctx, c.id)
		switch {
		case known:
			patience = resumeTime
		case err != nil:
			patience = askPause
		case !confirmed:
			confirmed, patience = true, confirmPause
		default:
			c.reset = stream.ResetInvalid
			return
		}
	}
}

// fetch reads the events that the log no longer has from the broker and adds them to the
// resume request, or notes in it that the broker does not have them either. It also
// returns when another attempt is needed, after a pause, and when ctx ends.
func (e *Engine) fetch(ctx context.Context, c *resumeRequest) {
	for c.reset == "" && c.id.Seq < e.log.Tail().Seq {
		page, err := e.history.after(ctx, c.id)
		switch {
		case errors.Is(err, event.ErrExpired):
			c.expire()
		case err != nil || len(page) == 0:
			e.waitForSequence(ctx, math.MaxUint64, askPause)
			return
		default:
			e.add(c, page)
		}
	}
}

// add queues page for c's client. What is queued for a stream is bounded (rule G4), so
// a client that missed too much gets none of it.
func (e *Engine) add(c *resumeRequest, page []event.Record) {
	var frames []byte
	for _, rec := range page {
		frames = e.cfg.Format.AppendEvent(wire.AppendID(frames, rec.ID), rec.Event)
	}
	c.missed, c.bytes = append(c.missed, frames), c.bytes+len(frames)
	c.id, c.events = page[len(page)-1].ID, c.events+uint64(len(page))
	if c.bytes > e.cfg.PrivateBytes {
		c.expire()
	}
}

// waitForSequence waits for log event seq, at most for within and until ctx or the
// engine ends, and reports whether it need not be waited for any more.
func (e *Engine) waitForSequence(ctx context.Context, seq uint64, within time.Duration) bool {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		grown := e.growthSignal(seq)
		if grown == nil {
			return true
		}
		select {
		case <-grown:
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// growthSignal returns a channel that is closed when that may have changed, or nil if
// the log is at seq, or takes no streams any more.
func (e *Engine) growthSignal(seq uint64) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.log.Head().Seq >= seq || e.closed || e.draining {
		return nil
	}
	if e.awaited == nil {
		e.awaited = make(chan struct{})
	}
	return e.awaited
}

// releaseLocked wakes the resume requests that wait for the log.
func (e *Engine) releaseLocked() {
	if e.awaited != nil {
		close(e.awaited)
		e.awaited = nil
	}
}
