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
	// maxScanned bounds how many of the broker's events are looked through for one client,
	// most of which may be for others: about a second's work.
	maxScanned = 1 << 16
)

// errAhead says that a position is not in the log yet.
var errAhead = errors.New("position is not in the log yet")

// Resume is Attach for a log that other nodes have too. If the client has got events
// from another node that this one does not have yet, it waits for them; events that the
// log here no longer has are requested from the broker. Errors: as Attach, and ErrLagging, also when ctx
// ends.
func (e *Engine) Resume(ctx context.Context, token connection.Token, client Client) (*Stream, error) {
	return e.resumer.resume(ctx, token, client)
}

// resumer attaches streams at the positions that their clients ask for, and waits for
// the log or asks the broker where it does not know them.
type resumer struct {
	engine  *Engine
	history brokerHistory
	awaited chan struct{} // closed by release; nil if nothing waits; guarded by Engine.mu
}

func (r *resumer) resume(ctx context.Context, token connection.Token, client Client) (*Stream, error) {
	c := newResumeRequest(r.engine.log.Epoch(), client.LastEventID)
	c.viewer = client.Viewer
	c.viewer.RequestID = client.Name
	s, err := r.attach(token, client.Name, c)
	if !errors.Is(err, errAhead) && !errors.Is(err, log.ErrBehind) {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	for {
		switch {
		case errors.Is(err, errAhead):
			r.await(ctx, &c)
		case errors.Is(err, log.ErrBehind):
			r.fetch(ctx, &c)
		default:
			return s, err
		}
		if ctx.Err() != nil {
			return nil, ErrLagging
		}
		s, err = r.attach(token, client.Name, c)
	}
}

// attach adds a stream where c says. Errors: as Engine.Attach and locate.
func (r *resumer) attach(token connection.Token, name string, c resumeRequest) (*Stream, error) {
	l, err := r.engine.Lock()
	if err != nil {
		return nil, err
	}
	defer l.Unlock()
	return l.attach(&Stream{engine: r.engine, token: token, name: name, single: c.single()}, c)
}

// await returns once the log has reached the client's position, or the resume request
// has found that it never will, or when ctx ends.
func (r *resumer) await(ctx context.Context, c *resumeRequest) {
	confirmed := false
	for within := usualLag; !r.waitForSequence(ctx, c.id.Seq, within) && ctx.Err() == nil; {
		known, err := r.history.has(ctx, c.id)
		switch {
		case known:
			within = resumeTime
		case err != nil:
			within = askPause
		case !confirmed:
			confirmed, within = true, confirmPause
		default:
			c.reset = stream.ResetInvalid
			return
		}
	}
}

// fetch reads the events that the log no longer has from the broker and adds them to the
// resume request, or notes in it that the broker does not have them either. It also
// returns when another attempt is needed, after a pause, and when ctx ends.
func (r *resumer) fetch(ctx context.Context, c *resumeRequest) {
	for c.reset == "" && c.id.Seq < r.oldest(c) {
		page, err := r.history.after(ctx, c.id)
		switch {
		case errors.Is(err, event.ErrExpired):
			c.expire()
		case err != nil || len(page) == 0:
			r.waitForSequence(ctx, math.MaxUint64, askPause)
			return
		default:
			r.add(c, page)
		}
	}
}

// oldest returns the sequence from which on everything for c's stream is in memory.
func (r *resumer) oldest(c *resumeRequest) uint64 {
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	dropped := r.engine.audiences.dropped(c.viewer)
	if c.single() {
		return dropped
	}
	return max(dropped, r.engine.log.Tail().Seq)
}

// add queues page for c's client. What is queued for a stream is bounded (rule G4), so
// a client that missed too much gets none of it.
func (r *resumer) add(c *resumeRequest, page []event.Record) {
	var frames []byte
	for _, rec := range page {
		if !rec.Event.Audience.Includes(c.viewer) {
			continue
		}
		c.events++
		frames = r.engine.cfg.Format.AppendEvent(wire.AppendID(frames, rec.ID), rec.Event)
	}
	c.missed, c.bytes = append(c.missed, frames), c.bytes+len(frames)
	c.id, c.scanned = page[len(page)-1].ID, c.scanned+len(page)
	if c.bytes > r.engine.cfg.PrivateBytes || c.scanned > maxScanned {
		c.expire()
	}
}

// waitForSequence waits for log event seq, at most for within and until ctx or the
// engine ends, and reports whether it need not be waited for any more.
func (r *resumer) waitForSequence(ctx context.Context, seq uint64, within time.Duration) bool {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		grown := r.growthSignal(seq)
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
func (r *resumer) growthSignal(seq uint64) <-chan struct{} {
	e := r.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.audiences.head().Seq >= seq || e.closed || e.drainer.draining {
		return nil
	}
	if r.awaited == nil {
		r.awaited = make(chan struct{})
	}
	return r.awaited
}

// release wakes the resume requests that wait for the log. With Engine.mu held.
func (r *resumer) release() {
	if r.awaited != nil {
		close(r.awaited)
		r.awaited = nil
	}
}

// locate finds the position at which a client continues (rules G2, G3). Errors:
// errAhead and log.ErrBehind, if other nodes or the broker may have what this log does
// not. With Engine.mu held.
func (r *resumer) locate(c resumeRequest) (log.Position, stream.ResetReason, error) {
	head := r.engine.audiences.head()
	switch {
	case c.reset != "" || c.id.IsZero():
		return head, c.reset, nil
	case c.id.Seq > head.Seq && r.history.broker != nil:
		return log.Position{}, "", errAhead
	case c.id.Seq > head.Seq:
		return head, stream.ResetInvalid, nil
	}
	at, err := r.after(c)
	if err != nil && r.history.broker == nil {
		return head, stream.ResetExpired, nil
	}
	return at, "", err
}

// after returns the position after the last event that c's client has got. Errors:
// log.ErrBehind, if something that follows and is for it is gone. With Engine.mu held.
func (r *resumer) after(c resumeRequest) (log.Position, error) {
	switch {
	case r.engine.audiences.dropped(c.viewer) > c.id.Seq:
		return log.Position{}, log.ErrBehind
	case c.single():
		at := r.engine.log.Head()
		at.Seq = c.id.Seq
		return at, nil
	}
	return r.engine.log.After(c.id.Seq)
}
