package natsbroker

import (
	"context"
	"sync"
)

// health is whether the embedded server writes. It is safe for concurrent use.
type health struct {
	mu   sync.Mutex
	good context.Context         //nolint:containedctx // ended while the server does not write; guarded by mu
	end  context.CancelCauseFunc // ends good; guarded by mu
}

func newHealth() *health {
	h := &health{}
	h.reset()
	return h
}

func (h *health) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.good, h.end = context.WithCancelCause(context.Background())
}

// fail says that nothing is written from now on.
func (h *health) fail(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end(why)
}

// state returns a context that has ended, or will, because nothing is written.
func (h *health) state() context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.good
}
