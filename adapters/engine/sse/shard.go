package sse

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// attendEvery is how many streams a pass writes before it looks at what else
// there is, so that a connect does not wait for ten thousand writes.
const attendEvery = 64

// socket is a shard's part of a stream.
type socket struct {
	fd         int32 // -1 once it is closed
	generation int32 // tells it from others that have or had the same fd
	slot       int32 // index in shard.streams, -1 before
	partial    int32 // bytes of the step at hand that are written
	received   int32 // bytes that the client sent
	blocked    int64 // when the socket took no more, in Unix nanoseconds; 0 if it does
	waits      bool  // for writability, which most never have to
	listed     bool  // in shard.inbox; guarded by shard.mu
	chunked    bool  // what is written to it; set before a shard has it
}

// shard is the transport of its share of the streams: one goroutine, run,
// writes them all, and another waits for their sockets' readiness.
type shard struct {
	engine *Engine
	kernel kernel
	signal chan struct{}    // the log or the inbox has grown
	ready  chan []readiness // from poll to run
	used   chan struct{}    // what came from ready was worked off
	done   chan struct{}    // run has ended

	mu     sync.Mutex
	inbox  []*Stream // to be looked at: new, with private events, or to be ended; guarded by mu
	closed bool      // guarded by mu

	// Owned by run.
	streams     []*Stream
	byFD        []*Stream
	generations int32     // given so far; it may wrap around
	spare       []*Stream // an empty inbox
	buf         []byte    // for private events
	seen        uint64    // the log's head at the last pass
	credit      credit
	written     uint64
}

// credit collects what the ledger is told: most streams of a pass take the
// same step.
type credit struct {
	from, to uint64
	streams  int
}

func newShard(e *Engine, k kernel) *shard {
	return &shard{
		engine: e, kernel: k, signal: make(chan struct{}, 1),
		buf: make([]byte, 0, gathered), ready: make(chan []readiness), used: make(chan struct{}), done: make(chan struct{}),
	}
}

// wake implements transport.
func (sh *shard) wake(s *Stream) { sh.list(s) }

// interrupt implements transport: no write here blocks.
func (sh *shard) interrupt(s *Stream) { sh.list(s) }

// list has run look at s. It reports false once run has ended.
func (sh *shard) list(s *Stream) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return false
	}
	if !s.listed {
		s.listed = true
		sh.inbox = append(sh.inbox, s)
	}
	sh.nudge()
	return true
}

func (sh *shard) nudge() {
	select {
	case sh.signal <- struct{}{}:
	default: // it is awake, or will be
	}
}

// serve writes streams until ctx ends, and then closes them.
func (sh *shard) serve(ctx context.Context) {
	var polling sync.WaitGroup
	polling.Go(sh.poll)
	sh.run(ctx)
	close(sh.done)
	sh.kernel.shut()
	polling.Wait()
}

// poll hands readiness from the kernel to run.
func (sh *shard) poll() {
	buf := make([]readiness, 256)
	for {
		n, err := sh.kernel.wait(buf)
		if err != nil {
			return
		}
		select {
		case sh.ready <- buf[:n]:
			<-sh.used
		case <-sh.done:
			return
		}
	}
}

func (sh *shard) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			sh.closeAll()
			return
		case <-sh.signal:
			// Whoever is about to hand over more may do so first, the observers of a new
			// stream for instance: one write then takes all of it.
			runtime.Gosched()
		case ready := <-sh.ready:
			sh.settle(ready)
		}
		sh.attend()
		for head := sh.engine.log.Head().Off; head != sh.seen; head = sh.engine.log.Head().Off {
			sh.seen = head
			sh.pass()
		}
		sh.account()
	}
}

// pass brings every stream to the log's end. What is appended meanwhile goes
// out in the next one, together: that is the batching, and it needs no timer.
func (sh *shard) pass() {
	tail, now := sh.engine.log.Tail().Off, time.Now().UnixNano()
	for i := 0; i < len(sh.streams); i++ {
		if i%attendEvery == 0 {
			sh.glance()
		}
		if i >= len(sh.streams) {
			break
		}
		s := sh.streams[i]
		switch {
		case s.blocked == 0:
			sh.write(s)
		case s.at.Off < tail:
			sh.drop(s, errSlowLog)
		case now-s.blocked >= int64(sh.engine.cfg.StallTimeout):
			sh.drop(s, errStalled)
		}
		if i < len(sh.streams) && sh.streams[i] != s {
			i-- // it was dropped, and another has its slot
		}
	}
	sh.account()
}

// glance looks, in the middle of a pass, at what else there is to do.
func (sh *shard) glance() {
	select {
	case ready := <-sh.ready:
		sh.settle(ready)
	default:
	}
	sh.attend()
}

// attend works off the inbox.
func (sh *shard) attend() {
	sh.mu.Lock()
	inbox := sh.inbox
	sh.inbox = sh.spare
	for _, s := range inbox {
		s.listed = false
	}
	sh.mu.Unlock()
	for _, s := range inbox {
		sh.attendTo(s)
	}
	clear(inbox)
	sh.spare = inbox[:0]
}

func (sh *shard) attendTo(s *Stream) {
	if s.fd < 0 {
		return // it has ended since
	}
	if s.slot < 0 && !sh.place(s) {
		return
	}
	if s.blocked == 0 {
		sh.write(s)
		return
	}
	if _, err := s.next(sh.buf[:0]); err != nil {
		sh.drop(s, err)
	}
}

// place adds a new stream.
func (sh *shard) place(s *Stream) bool {
	fd := int(s.fd)
	if fd >= len(sh.byFD) {
		sh.byFD = slices.Grow(sh.byFD, fd+1-len(sh.byFD))[:fd+1]
	}
	s.slot = int32(len(sh.streams)) //nolint:gosec // no more than descriptors
	sh.streams = append(sh.streams, s)
	sh.byFD[fd] = s
	sh.generations++
	s.generation = sh.generations
	if err := sh.kernel.watch(fd, s.generation, false); err != nil {
		sh.drop(s, err)
		return false
	}
	return true
}

// write writes what there is for s until its socket takes no more.
func (sh *shard) write(s *Stream) {
	for {
		step, err := s.next(sh.buf[:0])
		if err != nil {
			sh.drop(s, err)
			return
		}
		if len(step.bytes) == 0 {
			return
		}
		n, err := sh.kernel.write(int(s.fd), step.bytes[s.partial:])
		if err != nil && !errors.Is(err, errBlocked) {
			sh.drop(s, err)
			return
		}
		sh.written += uint64(n) //nolint:gosec // a length
		if final := sh.wrote(s, step, int(s.partial)+n); final {
			sh.drop(s, errEnded)
			return
		}
		if s.partial > 0 || n == 0 {
			sh.block(s)
			return
		}
	}
}

// block leaves s alone until its socket takes more.
func (sh *shard) block(s *Stream) {
	s.blocked = time.Now().UnixNano()
	if s.waits {
		return // edges come again without being asked for
	}
	s.waits = true
	if err := sh.kernel.watch(int(s.fd), s.generation, true); err != nil {
		sh.drop(s, err)
	}
}

// wrote moves s on after the first n bytes of a step, and reports whether they
// were its last.
func (sh *shard) wrote(s *Stream, st step, n int) (final bool) {
	if st.private {
		n, final = s.wrotePrivate(n)
	} else if n == len(st.bytes) {
		n = 0
		sh.give(s.moveTo(st.to), st.to.Events())
	}
	s.partial = int32(n)
	return final
}

// give has the ledger told that a stream is through with the events after
// number from, up to number to.
func (sh *shard) give(from, to uint64) {
	if sh.credit.from != from || sh.credit.to != to {
		sh.account()
		sh.credit = credit{from: from, to: to}
	}
	sh.credit.streams++
}

// account hands on what was collected.
func (sh *shard) account() {
	if sh.credit.streams > 0 {
		sh.engine.ledger.done(sh.credit.from, sh.credit.to, sh.credit.streams)
		sh.credit = credit{}
	}
	sh.engine.written.Add(sh.written)
	sh.written = 0
}

// settle works off what the poller found, and lets it go on.
func (sh *shard) settle(ready []readiness) {
	for _, r := range ready {
		if s := sh.streamOf(r); s != nil {
			sh.react(s, r)
		}
	}
	sh.used <- struct{}{}
}

// streamOf returns the stream that r is about, or nil if that has ended since:
// its descriptor may be another's by now.
func (sh *shard) streamOf(r readiness) *Stream {
	if r.fd >= len(sh.byFD) {
		return nil
	}
	s := sh.byFD[r.fd]
	if s == nil || s.generation != r.generation {
		return nil
	}
	return s
}

func (sh *shard) react(s *Stream, r readiness) {
	if r.readable || r.broken {
		n, err := sh.kernel.discard(r.fd)
		s.received += int32(n) //nolint:gosec // bounded by discard
		blocked := errors.Is(err, errBlocked)
		switch {
		case err != nil && !blocked:
			sh.drop(s, err)
			return
		case r.broken, s.received > maxClientBytes: // what it speaks is not our protocol
			sh.drop(s, errClientGone)
			return
		}
	}
	if r.writable && s.blocked != 0 {
		s.blocked = 0
		sh.write(s)
	}
}

// drop ends a stream: its socket is closed and the last stream gets its slot.
func (sh *shard) drop(s *Stream, why error) {
	sh.close(s)
	sh.byFD[s.fd] = nil
	last := sh.streams[len(sh.streams)-1]
	sh.streams[s.slot] = last
	last.slot = s.slot
	sh.streams[len(sh.streams)-1] = nil
	sh.streams = sh.streams[:len(sh.streams)-1]
	s.fd = -1
	sh.engine.detach(s, why)
	sh.engine.endings.add(s.token, reasonOf(why))
}

// close closes a stream's socket.
func (sh *shard) close(s *Stream) {
	sh.kernel.close(int(s.fd))
	sh.engine.sockets.Add(-1)
}

// closeAll ends every stream, and takes no more.
func (sh *shard) closeAll() {
	sh.mu.Lock()
	sh.closed = true
	sh.mu.Unlock()
	sh.attend() // places those that are new
	for len(sh.streams) > 0 {
		sh.drop(sh.streams[len(sh.streams)-1], errShutdown)
	}
	sh.account()
}
