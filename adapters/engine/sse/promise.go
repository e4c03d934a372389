package sse

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// headPatience is how long a stream's head waits for what its opened function
// sends, at least, and twice that at most: much longer than that takes when all
// is well, and nothing to a person.
const headPatience = 5 * time.Millisecond

// promises are the streams that shards are to get in a moment. One timer looks
// after all of them: a timer for each would wake the process's poller at every
// connect.
type promises struct {
	mu      sync.Mutex
	waiting []*promise // since the timer was set; guarded by mu
	older   []*promise // since before; guarded by mu
}

// promise is that a shard gets a stream.
type promise struct {
	stream *Stream
	shard  *shard
	conn   net.Conn
	kept   atomic.Bool
}

// make promises sh a stream, whose socket is a duplicate of conn's. If keep is
// not called in time, the promise is kept without.
func (ps *promises) make(s *Stream, sh *shard, conn net.Conn) *promise {
	p := &promise{stream: s, shard: sh, conn: conn}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.waiting = append(ps.waiting, p)
	if len(ps.waiting)+len(ps.older) == 1 {
		time.AfterFunc(headPatience, ps.look)
	}
	return p
}

// keep has the shard write the stream from now on, unless that was done before.
func (p *promise) keep() {
	if !p.kept.Swap(true) {
		p.start()
	}
}

// start is for whoever was the first to set kept. The list may hold the promise for a
// while, and is not to hold the stream.
func (p *promise) start() {
	p.stream.start(p.shard)
	p.stream, p.conn = nil, nil
}

// look keeps what was promised before the last look.
func (ps *promises) look() {
	ps.mu.Lock()
	late := ps.older
	ps.older, ps.waiting = ps.waiting, nil
	if len(ps.older) > 0 {
		time.AfterFunc(headPatience, ps.look)
	}
	ps.mu.Unlock()
	for _, p := range late {
		if !p.kept.Swap(true) {
			_ = p.conn.Close() // its duplicate is in use, and its owner may be held up for long
			p.start()
		}
	}
}
