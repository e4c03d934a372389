package transport

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"heliograph/adapters/engine/sse/log"
)

// attendEvery is how many streams a pass writes before it looks at what else
// there is, so that a connect does not wait for ten thousand writes.
const attendEvery = 64

// Deps holds what a Shard uses.
type Deps struct {
	Kernel    Kernel
	Log       *log.Log
	Latencies Latencies
	Written   *atomic.Uint64 // counts the bytes that were written
	Open      *atomic.Int32  // counts the sockets that are open
	Stall     time.Duration  // for which a socket may take nothing
}

// Shard is the transport of its share of the streams: one goroutine, run,
// writes them all, and another waits for their sockets' readiness.
type Shard[S Stream] struct {
	Deps

	signal chan struct{}    // the log or the inbox has grown
	ready  chan []Readiness // from poll to run
	used   chan struct{}    // what came from ready was worked off
	done   chan struct{}    // run has ended

	inbox inbox[S]

	// Owned by run.
	table   table[S]
	account account
	buf     []byte // for private events
	seen    uint64 // the log's head at the last pass
}

// NewShard returns a shard without streams. It starts nothing.
func NewShard[S Stream](d Deps) *Shard[S] {
	return &Shard[S]{
		Deps: d, account: account{latencies: d.Latencies, written: d.Written}, signal: make(chan struct{}, 1),
		buf: make([]byte, 0, Gathered), ready: make(chan []Readiness), used: make(chan struct{}), done: make(chan struct{}),
	}
}

// List makes run look at s. It returns false once run has ended.
func (sh *Shard[S]) List(s S) bool {
	if !sh.inbox.put(s) {
		return false
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
		sh.account.flush()
	}
}

// pass brings every stream to the log's end. What is appended meanwhile goes
// out in the next one, together: that is the batching, and it needs no timer.
func (sh *Shard[S]) pass() {
	tail, now := sh.Log.Tail().Off, time.Now().UnixNano()
	for i := 0; i < len(sh.table.streams); i++ {
		if i%attendEvery == 0 {
			sh.glance()
		}
		if i >= len(sh.table.streams) {
			break
		}
		s := sh.table.streams[i]
		socket := s.Socket()
		switch {
		case socket.blocked == 0:
			sh.write(s)
		case s.BehindLog(tail):
			sh.drop(s, ErrSlowLog)
		case now-socket.blocked >= int64(sh.Stall):
			sh.drop(s, ErrStalled)
		}
		if i < len(sh.table.streams) && sh.table.streams[i] != s {
			i-- // it was dropped, and another has its slot
		}
	}
	sh.account.flush()
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
	sh.inbox.take(sh.attendTo)
}

func (sh *Shard[S]) attendTo(s S) {
	socket := s.Socket()
	if socket.fd < 0 {
		return // the stream has ended since
	}
	if socket.slot < 0 && !sh.add(s) {
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

// add adds a new stream, and reports whether it is still there.
func (sh *Shard[S]) add(s S) bool {
	sh.table.add(s)
	socket := s.Socket()
	if err := sh.Kernel.Watch(int(socket.fd), socket.generation, false); err != nil {
		sh.drop(s, err)
		return false
	}
	return true
}

// closeAll ends every stream, and takes no more.
func (sh *Shard[S]) closeAll() {
	sh.inbox.close()
	sh.attend() // adds those that are new
	for len(sh.table.streams) > 0 {
		sh.drop(sh.table.streams[len(sh.table.streams)-1], ErrShutdown)
	}
	sh.account.flush()
}
