package sse

import (
	"context"
	"time"

	"heliograph/domain/event"
)

// maxLag is how long a stream waits for what its client has got from another node
// and this one has not yet: nodes are milliseconds apart, unless one has a reason
// to be sent elsewhere.
const maxLag = 2 * time.Second

// Await returns once the log is where lastEventID says that a client was, or at
// once if it never will be, or when ctx ends or that takes too long. Call it before
// Attach, where one log has several nodes.
func (e *Engine) Await(ctx context.Context, lastEventID string) {
	id, err := event.ParseID(lastEventID)
	if err != nil || id.Epoch != e.log.epoch {
		return
	}
	late := time.NewTimer(maxLag)
	defer late.Stop()
	for {
		grown := e.behind(id.Seq)
		if grown == nil {
			return
		}
		select {
		case <-grown:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// behind returns a channel that is closed when the log grows, or nil if it is at
// seq already.
func (e *Engine) behind(seq uint64) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.log.head().seq >= seq || e.closed || e.draining {
		return nil
	}
	if e.grown == nil {
		e.grown = make(chan struct{})
	}
	return e.grown
}
