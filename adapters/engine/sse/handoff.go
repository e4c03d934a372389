package sse

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/transport"
)

// handoffDelay is how long a stream's head waits for its first private events, at
// least, and twice that at most: observers take some 20 µs when all is well, and a person
// does not notice 10 ms.
const handoffDelay = 5 * time.Millisecond

// handoffs are the streams that wait up to twice handoffDelay for their first private
// events, so that one write carries them together with the head. One timer looks after
// all of them: a timer for each would wake the process's poller at every connect. It has
// a mutex of its own, which is held for no calls.
type handoffs struct {
	mu      sync.Mutex
	waiting []*handoff // since the timer was set; guarded by mu
	older   []*handoff // since before; guarded by mu
}

// handoff is one stream on its way to a shard.
type handoff struct {
	stream *Stream
	shard  shard
	conn   net.Conn
	done   atomic.Bool
}

// add has sh get a stream, whose socket is a duplicate of conn's, when complete is
// called or when that takes too long.
func (hs *handoffs) add(s *Stream, sh shard, conn net.Conn) *handoff {
	h := &handoff{stream: s, shard: sh, conn: conn}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.waiting = append(hs.waiting, h)
	if len(hs.waiting)+len(hs.older) == 1 {
		time.AfterFunc(handoffDelay, hs.completeOverdue)
	}
	return h
}

// complete makes the shard write the stream from now on, unless it does already.
func (h *handoff) complete() {
	if !h.done.Swap(true) {
		h.start()
	}
}

// start makes the shard write the stream. It is for the caller that set done, and drops
// the reference to the stream, since the list may hold the handoff for a while.
func (h *handoff) start() {
	s, sh := h.stream, h.shard
	h.stream, h.conn = nil, nil
	s.take(sh)
	a := (*adopted)(s)
	if sh.List(a) {
		return
	}
	sh.Close(a)
	a.Ended(transport.ErrShutdown)
	s.engine.endings.flush() // Serve, which reports ends, may have returned already
}

// completeOverdue completes the handoffs that were there at the timer's last run.
func (hs *handoffs) completeOverdue() {
	hs.mu.Lock()
	late := hs.older
	hs.older, hs.waiting = hs.waiting, nil
	if len(hs.older) > 0 {
		time.AfterFunc(handoffDelay, hs.completeOverdue)
	}
	hs.mu.Unlock()
	for _, h := range late {
		if !h.done.Swap(true) {
			_ = h.conn.Close() // its duplicate is in use, and its owner may be held up for long
			h.start()
		}
	}
}
