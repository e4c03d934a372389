//go:build linux

package main

import (
	"sync"

	"golang.org/x/sys/unix"
)

// writer writes to its share of the sockets, one pass after the other.
type writer struct {
	batch   bool
	sockets []socket // owned by serve

	mu    sync.Mutex
	work  *sync.Cond
	added []int  // guarded by mu
	begin int    // the position of log's first byte; guarded by mu
	log   []byte // what some socket may not have got; guarded by mu
	sizes []int  // of the messages in log; guarded by mu
}

// socket is a descriptor and how much of all that was ever published it has got.
type socket struct{ fd, position int }

func newWriter(batch bool) *writer {
	w := &writer{batch: batch}
	w.work = sync.NewCond(&w.mu)
	return w
}

func (w *writer) add(fd int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.added = append(w.added, fd)
}

func (w *writer) publish(frame []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, frame...)
	w.sizes = append(w.sizes, len(frame))
	w.work.Signal()
}

func (w *writer) serve() {
	for from := 0; ; {
		head, sizes := w.await(from)
		from = head
		if w.batch {
			w.pass(w.since)
			continue
		}
		for _, size := range sizes {
			w.pass(func(position int) []byte { return w.since(position)[:size] })
		}
	}
}

// await waits for something behind from, forgets what comes before, and takes
// new sockets. It returns the head, and the sizes of the messages up to it.
func (w *writer) await(from int) (head int, sizes []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log, w.begin = w.log[from-w.begin:], from
	for len(w.log) == 0 {
		w.work.Wait()
	}
	for _, fd := range w.added {
		w.sockets = append(w.sockets, socket{fd, from})
	}
	w.added = w.added[:0]
	sizes, w.sizes = w.sizes, nil
	return w.begin + len(w.log), sizes
}

// since returns all that is pending behind a position at this moment.
func (w *writer) since(position int) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log[position-w.begin:]
}

// pass writes to every socket once, and drops those that fail.
func (w *writer) pass(pending func(position int) []byte) {
	kept := w.sockets[:0]
	for _, s := range w.sockets {
		b := pending(s.position)
		if n, err := unix.Write(s.fd, b); err != nil || n < len(b) {
			_ = unix.Close(s.fd) // the client is gone, or finds out that it lost something
			continue
		}
		kept = append(kept, socket{s.fd, s.position + len(b)})
	}
	w.sockets = kept
}
