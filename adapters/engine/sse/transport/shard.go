package transport

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/log"
)

// attendEvery is how many streams a pass writes before it looks at what else
// there is, so that a connect does not wait for ten thousand writes.
const attendEvery = 64

// Step is what to write next.
type Step struct {
	Bytes   []byte
	Private bool // Bytes are of private events; otherwise of the log, up to the position To
	To      log.Position
	ID      []byte // goes before Bytes; of a private event, if that was not copied
}

// Gathered bounds how many bytes of private events are written at a time.
const Gathered = 64 << 10

// Stream is what a shard writes. Its methods are called by one goroutine at a time.
type Stream interface { //nolint:interfacebloat // one thing, seen by its writer: two interfaces would always go together
	comparable
	// Socket is the shard's part of the stream.
	Socket() *Socket
	// Next returns what to write, as it goes over the wire and with private events put
	// together in buf; no bytes mean that there is nothing yet. Until WrotePrivate or MoveTo
	// records progress it returns the same again, and perhaps more. An error ends the
	// stream.
	Next(buf []byte) (Step, error)
	// WrotePrivate says that n bytes of private events are written. It returns how many
	// bytes of the next one that includes, and whether the last event of all was among them.
	WrotePrivate(n int) (rest int, final bool)
	// MoveTo says that the log is written up to a position. The stream had the events up to
	// number from before.
	MoveTo(to log.Position) (from uint64)
	// BehindLog reports whether what it is to write next is before offset tail.
	BehindLog(tail uint64) bool
	// Ended says that its socket is closed, and why.
	Ended(why error)
}

// Ledger records how far streams have written.
type Ledger interface {
	// Done records that so many streams have written the events after number from, up to
	// number to, or ended.
	Done(from, to uint64, streams int)
}

// Deps holds what a Shard uses.
type Deps struct {
	Kernel  Kernel
	Log     *log.Log
	Ledger  Ledger
	Written *atomic.Uint64 // counts the bytes that were written
	Open    *atomic.Int32  // counts the sockets that are open
	Stall   time.Duration  // for which a socket may take nothing
}

// Socket is a shard's part of a stream. Its zero value is no socket.
type Socket struct {
	fd         int32 // -1 once it is closed
	generation int32 // distinguishes it from others that have or had the same fd
	slot       int32 // index in shard.streams, -1 before
	partial    int32 // bytes of the step at hand that are written
	received   int32 // bytes that the client sent
	blocked    int64 // when the socket took no more, in Unix nanoseconds; 0 if it does
	waits      bool  // for writability, which most never have to
	listed     bool  // in shard.inbox; guarded by shard.mu
	chunked    bool  // what is written to it; set before a shard has it
}

// NewSocket is a socket that a kernel took, before a shard has it.
func NewSocket(fd int, chunked bool) Socket {
	return Socket{fd: int32(fd), slot: -1, chunked: chunked} //nolint:gosec // descriptors are small
}

// Chunked reports whether what is written to it is in chunks.
func (s *Socket) Chunked() bool { return s.chunked }

// Midway reports whether a step is written in part.
func (s *Socket) Midway() bool { return s.partial > 0 }

// Shard is the transport of its share of the streams: one goroutine, run,
// writes them all, and another waits for their sockets' readiness.
type Shard[S Stream] struct {
	Deps

	none   S                // no stream
	signal chan struct{}    // the log or the inbox has grown
	ready  chan []Readiness // from poll to run
	used   chan struct{}    // what came from ready was worked off
	done   chan struct{}    // run has ended

	mu     sync.Mutex
	inbox  []S  // to be looked at: new, with private events, or to be ended; guarded by mu
	closed bool // guarded by mu

	// Owned by run.
	streams     []S
	byFD        []S
	generations int32  // given so far; it may wrap around
	spare       []S    // an empty inbox
	buf         []byte // for private events
	seen        uint64 // the log's head at the last pass
	credit      credit
	written     uint64
}

// credit collects calls of the ledger into one, because most streams of a pass take the
// same step.
type credit struct {
	from, to uint64
	streams  int
}

// NewShard returns a shard without streams. It starts nothing.
func NewShard[S Stream](d Deps) *Shard[S] {
	return &Shard[S]{
		Deps: d, signal: make(chan struct{}, 1),
		buf: make([]byte, 0, Gathered), ready: make(chan []Readiness), used: make(chan struct{}), done: make(chan struct{}),
	}
}

// Wake says that there may be something new for s.
func (sh *Shard[S]) Wake(s S) { sh.List(s) }

// Interrupt says that s must end. No write here blocks.
func (sh *Shard[S]) Interrupt(s S) { sh.List(s) }

// List makes run look at s. It returns false once run has ended.
func (sh *Shard[S]) List(s S) bool {
	socket := s.Socket()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return false
	}
	if !socket.listed {
		socket.listed = true
		sh.inbox = append(sh.inbox, s)
	}
	sh.Nudge()
	return true
}

// Nudge makes run look at the log and the inbox.
func (sh *Shard[S]) Nudge() {
	select {
	case sh.signal <- struct{}{}:
	default: // it is awake, or will be
	}
}

// Serve writes streams until ctx ends, and then closes them.
func (sh *Shard[S]) Serve(ctx context.Context) {
	var polling sync.WaitGroup
	polling.Go(sh.poll)
	sh.run(ctx)
	close(sh.done)
	sh.Kernel.Shut()
	polling.Wait()
}

// poll hands Readiness from the kernel to run.
func (sh *Shard[S]) poll() {
	buf := make([]Readiness, 256)
	for {
		n, err := sh.Kernel.Wait(buf)
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

func (sh *Shard[S]) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			sh.closeAll()
			return
		case <-sh.signal:
			// Let other goroutines run that are about to queue more events, the observers of
			// a new stream for instance: one write then carries all of it.
			runtime.Gosched()
		case ready := <-sh.ready:
			sh.settle(ready)
		}
		sh.attend()
		for head := sh.Log.Head().Off; head != sh.seen; head = sh.Log.Head().Off {
			sh.seen = head
			sh.pass()
		}
		sh.account()
	}
}

// pass brings every stream to the log's end. What is appended meanwhile goes
// out in the next one, together: that is the batching, and it needs no timer.
func (sh *Shard[S]) pass() {
	tail, now := sh.Log.Tail().Off, time.Now().UnixNano()
	for i := 0; i < len(sh.streams); i++ {
		if i%attendEvery == 0 {
			sh.glance()
		}
		if i >= len(sh.streams) {
			break
		}
		s := sh.streams[i]
		socket := s.Socket()
		switch {
		case socket.blocked == 0:
			sh.write(s)
		case s.BehindLog(tail):
			sh.drop(s, ErrSlowLog)
		case now-socket.blocked >= int64(sh.Stall):
			sh.drop(s, ErrStalled)
		}
		if i < len(sh.streams) && sh.streams[i] != s {
			i-- // it was dropped, and another has its slot
		}
	}
	sh.account()
}

// glance looks, in the middle of a pass, at what else there is to do.
func (sh *Shard[S]) glance() {
	select {
	case ready := <-sh.ready:
		sh.settle(ready)
	default:
	}
	sh.attend()
}

// attend works off the inbox.
func (sh *Shard[S]) attend() {
	sh.mu.Lock()
	inbox := sh.inbox
	sh.inbox = sh.spare
	for _, s := range inbox {
		s.Socket().listed = false
	}
	sh.mu.Unlock()
	for _, s := range inbox {
		sh.attendTo(s)
	}
	clear(inbox)
	sh.spare = inbox[:0]
}

func (sh *Shard[S]) attendTo(s S) {
	socket := s.Socket()
	if socket.fd < 0 {
		return // the stream has ended since
	}
	if socket.slot < 0 && !sh.place(s) {
		return
	}
	if socket.blocked == 0 {
		sh.write(s)
		return
	}
	if _, err := s.Next(sh.buf[:0]); err != nil {
		sh.drop(s, err)
	}
}

// place adds a new stream.
func (sh *Shard[S]) place(s S) bool {
	socket := s.Socket()
	fd := int(socket.fd)
	if fd >= len(sh.byFD) {
		sh.byFD = slices.Grow(sh.byFD, fd+1-len(sh.byFD))[:fd+1]
	}
	socket.slot = int32(len(sh.streams)) //nolint:gosec // no more than descriptors
	sh.streams = append(sh.streams, s)
	sh.byFD[fd] = s
	sh.generations++
	socket.generation = sh.generations
	if err := sh.Kernel.Watch(fd, socket.generation, false); err != nil {
		sh.drop(s, err)
		return false
	}
	return true
}

// write writes what there is for s until its socket takes no more.
func (sh *Shard[S]) write(s S) {
	socket := s.Socket()
	for {
		step, err := s.Next(sh.buf[:0])
		if err != nil {
			sh.drop(s, err)
			return
		}
		if len(step.Bytes) == 0 {
			return
		}
		n, err := sh.Kernel.Write(int(socket.fd), step.Bytes[socket.partial:])
		if err != nil && !errors.Is(err, ErrBlocked) {
			sh.drop(s, err)
			return
		}
		sh.written += uint64(n) //nolint:gosec // a length
		if final := sh.wrote(s, step, int(socket.partial)+n); final {
			sh.drop(s, ErrEnded)
			return
		}
		if socket.partial > 0 || n == 0 {
			sh.block(s)
			return
		}
	}
}

// block leaves s alone until its socket takes more.
func (sh *Shard[S]) block(s S) {
	socket := s.Socket()
	socket.blocked = time.Now().UnixNano()
	if socket.waits {
		return // edges come again without being asked for
	}
	socket.waits = true
	if err := sh.Kernel.Watch(int(socket.fd), socket.generation, true); err != nil {
		sh.drop(s, err)
	}
}

// wrote moves s on after the first n bytes of a step, and reports whether they
// were its last.
func (sh *Shard[S]) wrote(s S, st Step, n int) (final bool) {
	if st.Private {
		n, final = s.WrotePrivate(n)
	} else if n == len(st.Bytes) {
		n = 0
		sh.give(s.MoveTo(st.To), st.To.Events())
	}
	s.Socket().partial = int32(n)
	return final
}

// give records for the ledger that a stream has written the events after number from,
// up to number to, or ended.
func (sh *Shard[S]) give(from, to uint64) {
	if sh.credit.from != from || sh.credit.to != to {
		sh.account()
		sh.credit = credit{from: from, to: to}
	}
	sh.credit.streams++
}

// account passes what was collected to the ledger.
func (sh *Shard[S]) account() {
	if sh.credit.streams > 0 {
		sh.Ledger.Done(sh.credit.from, sh.credit.to, sh.credit.streams)
		sh.credit = credit{}
	}
	sh.Written.Add(sh.written)
	sh.written = 0
}

// settle works off what the poller found, and lets it go on.
func (sh *Shard[S]) settle(ready []Readiness) {
	for _, r := range ready {
		if s := sh.streamOf(r); s != sh.none {
			sh.react(s, r)
		}
	}
	sh.used <- struct{}{}
}

// streamOf returns the stream that r is about, or nil if that has ended since:
// its descriptor may be another's by now.
func (sh *Shard[S]) streamOf(r Readiness) S {
	if r.FD >= len(sh.byFD) {
		return sh.none
	}
	s := sh.byFD[r.FD]
	if s == sh.none || s.Socket().generation != r.Generation {
		return sh.none
	}
	return s
}

func (sh *Shard[S]) react(s S, r Readiness) {
	socket := s.Socket()
	if r.Readable || r.Broken {
		n, err := sh.Kernel.Discard(r.FD)
		socket.received += int32(n) //nolint:gosec // bounded by discard
		blocked := errors.Is(err, ErrBlocked)
		switch {
		case err != nil && !blocked:
			sh.drop(s, err)
			return
		case r.Broken, socket.received > MaxClientBytes: // the client does not speak this protocol
			sh.drop(s, ErrClientGone)
			return
		}
	}
	if r.Writable && socket.blocked != 0 {
		socket.blocked = 0
		sh.write(s)
	}
}

// drop ends a stream: its socket is closed and the last stream gets its slot.
func (sh *Shard[S]) drop(s S, why error) {
	socket := s.Socket()
	sh.Close(s)
	sh.byFD[socket.fd] = sh.none
	last := sh.streams[len(sh.streams)-1]
	sh.streams[socket.slot] = last
	last.Socket().slot = socket.slot
	sh.streams[len(sh.streams)-1] = sh.none
	sh.streams = sh.streams[:len(sh.streams)-1]
	socket.fd = -1
	s.Ended(why)
}

// Close closes a stream's socket.
func (sh *Shard[S]) Close(s S) {
	sh.Kernel.Close(int(s.Socket().fd))
	sh.Open.Add(-1)
}

// closeAll ends every stream, and takes no more.
func (sh *Shard[S]) closeAll() {
	sh.mu.Lock()
	sh.closed = true
	sh.mu.Unlock()
	sh.attend() // places those that are new
	for len(sh.streams) > 0 {
		sh.drop(sh.streams[len(sh.streams)-1], ErrShutdown)
	}
	sh.account()
}
