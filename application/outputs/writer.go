package outputs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"heliograph/domain/output"
	"heliograph/domain/task"
)

const (
	// gather is how long a writer waits for more after the first byte: a handler that
	// prints word by word then costs twenty writes a second, and nobody sees the delay.
	gather = 50 * time.Millisecond
	// enough is what is written without waiting for more, in bytes.
	enough = 32 << 10
	// maxBuffered is what a writer holds, in bytes; then Write waits for the store.
	maxBuffered = 2 * output.MaxAppend
	// closeTime is what the end of a task waits for the last of its output, in a store
	// that takes nothing.
	closeTime = 5 * time.Second
	// minPause and maxPause are between two tries.
	minPause, maxPause = 50 * time.Millisecond, 2 * time.Second
)

// Writers makes the writers of handlers.
type Writers struct {
	store output.Store
	log   *slog.Logger
}

// NewWriters returns the Writers to store.
func NewWriters(store output.Store, log *slog.Logger) *Writers {
	return &Writers{store: store, log: log}
}

// Open returns what a handler writes the output of a task to. It appends to what earlier
// attempts have printed. Bytes that are not UTF-8 become U+FFFD. Write waits only while
// the store is slower than the handler for long, and fails once over is closed, that is
// when the attempt has ended. Close returns when all is stored, or after five seconds; it
// must be called, and does not close over.
func (w *Writers) Open(ctx context.Context, id task.ID, over <-chan struct{}) io.WriteCloser {
	return &writer{Writers: w, ctx: context.WithoutCancel(ctx), id: id, over: over, more: make(chan struct{}, 1), room: make(chan struct{}), done: make(chan struct{}), length: -1}
}

// writer is one task's. One goroutine stores what is written, from the first byte on.
type writer struct {
	*Writers

	ctx  context.Context //nolint:containedctx // io.Writer has none: the attempt's, without its end
	id   task.ID
	over <-chan struct{} // closed when the attempt has ended
	more chan struct{}   // has a signal when something was added
	done chan struct{}   // closed when the goroutine has ended

	mu      sync.Mutex
	buffer  []byte        // guarded by mu
	room    chan struct{} // closed when there is room again; guarded by mu
	started bool          // guarded by mu
	closed  bool          // guarded by mu

	length int64 // of the output; negative until it is known; owned by the goroutine
}

// Write implements io.Writer. It is safe for concurrent use.
func (w *writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		size, room, err := w.add(p)
		if err != nil {
			return n, err
		}
		n, p = n+size, p[size:]
		if len(p) == 0 {
			break
		}
		select {
		case <-room:
		case <-w.over:
			return n, io.ErrClosedPipe
		}
	}
	return n, nil
}

// add takes as much of p as there is room for, and returns what is closed when there is
// more.
func (w *writer) add(p []byte) (size int, room <-chan struct{}, err error) {
	if w.isOver() {
		return 0, nil, io.ErrClosedPipe
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, nil, io.ErrClosedPipe
	}
	if !w.started {
		w.started = true
		go w.serve()
	}
	size = min(len(p), maxBuffered-len(w.buffer))
	w.buffer = append(w.buffer, p[:size]...)
	w.signal()
	return size, w.room, nil
}

func (w *writer) signal() {
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// Close implements io.Closer.
func (w *writer) Close() error {
	w.mu.Lock()
	started := w.started
	w.closed = true
	w.mu.Unlock()
	if !started {
		return nil
	}
	w.signal()
	<-w.done
	return nil
}

// serve stores what was written until the writer is closed, or the attempt has ended.
func (w *writer) serve() {
	defer close(w.done)
	for {
		select {
		case <-w.more:
		case <-w.over:
		}
		w.gather()
		for {
			text, closed := w.take()
			if len(text) == 0 {
				if closed {
					return
				}
				break
			}
			if err := w.append(text); err != nil {
				w.log.WarnContext(w.ctx, "end of a task's output is lost", slog.String("task_id", string(w.id)), slog.Any("error", err))
				return
			}
		}
	}
}

// gather waits a moment for more, if little was written.
func (w *writer) gather() {
	moment := time.NewTimer(gather)
	defer moment.Stop()
	for w.waits() {
		select {
		case <-w.more:
		case <-moment.C:
			return
		case <-w.over:
			return
		}
	}
}

// waits reports whether what was written may wait for more.
func (w *writer) waits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.buffer) < enough && !w.closed
}

// take takes text that can be appended in one call from the buffer: none if there is
// nothing, or part of one character only. closed says that no more comes.
func (w *writer) take() (text []byte, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	closed = w.closed || w.isOver()
	size := min(len(w.buffer), output.MaxAppend)
	if !utf8.Valid(w.buffer[:size]) {
		size = min(size, output.MaxAppend/utf8.UTFMax) // U+FFFD takes three bytes for one
	}
	if !closed || size < len(w.buffer) {
		size = whole(w.buffer[:size])
	}
	text = bytes.ToValidUTF8(bytes.Clone(w.buffer[:size]), []byte("\uFFFD"))
	w.buffer = append(w.buffer[:0], w.buffer[size:]...)
	close(w.room)
	w.room = make(chan struct{})
	return text, closed
}

// whole returns how much of p there is without a last character that is not complete.
func whole(p []byte) int {
	for back := 1; back <= min(len(p), utf8.UTFMax-1); back++ {
		if at := len(p) - back; utf8.RuneStart(p[at]) {
			if utf8.FullRune(p[at:]) {
				return len(p)
			}
			return at
		}
	}
	return len(p)
}

func (w *writer) isOver() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

// append appends text to the output, and tries for as long as the attempt goes on, and
// closeTime longer.
func (w *writer) append(text []byte) error {
	var end time.Time // when to give up; zero while the attempt goes on
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := w.try(text)
		switch {
		case err == nil:
			return nil
		case end.IsZero() && w.isClosed():
			end = time.Now().Add(closeTime)
		case !end.IsZero() && time.Now().After(end):
			return err
		}
		<-time.After(pause)
	}
}

// try tries once. The first time it asks where the output ends: another attempt may have
// printed the same before.
func (w *writer) try(text []byte) (err error) {
	ctx, cancel := context.WithTimeout(w.ctx, closeTime)
	defer cancel()
	if w.length < 0 {
		if w.length, err = w.store.Length(ctx, w.id); err != nil {
			w.length = -1
			return err
		}
	}
	length, err := w.store.Append(ctx, w.id, w.length, text)
	if wrong, ok := errors.AsType[*output.OffsetError](err); ok { // another attempt still prints
		w.length = wrong.Length
	}
	if err == nil {
		w.length = length
	}
	return err
}

func (w *writer) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed || w.isOver()
}
