package outputs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/outbound/memoutput"
	"heliograph/application/outputs"
	"heliograph/domain/output"
	"heliograph/domain/task"
	"heliograph/test/logs"
)

// flaky is a store that takes nothing while down, and counts what it takes.
type flaky struct {
	output.Store

	mu    sync.Mutex
	down  bool // guarded by mu
	lost  bool // answers are: guarded by mu
	calls int  // guarded by mu
}

func (f *flaky) Append(ctx context.Context, id task.ID, offset int64, text []byte) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return 0, output.ErrUnavailable
	}
	f.calls++
	length, err := f.Store.Append(ctx, id, offset, text)
	if f.lost = !f.lost; f.lost {
		return 0, output.ErrUnavailable
	}
	return length, err
}

func (f *flaky) set(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func newFlaky() *flaky {
	return &flaky{Store: memoutput.New(memoutput.Config{Tail: 8 << 20}, slog.New(slog.DiscardHandler)), lost: true}
}

func all(t *testing.T, s output.Store) string {
	t.Helper()
	var b strings.Builder
	for from := int64(0); ; {
		c, err := s.Read(t.Context(), "a", from, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Text) == 0 {
			return b.String()
		}
		b.Write(c.Text)
		from = c.End()
	}
}

func TestWhatAHandlerPrintsIsItsTasksOutput(t *testing.T) { // T21
	synctest.Test(t, func(t *testing.T) {
		store := newFlaky() // each second answer is lost
		writers := outputs.NewWriters(store, slog.New(slog.DiscardHandler))
		over := make(chan struct{})
		defer close(over)
		var want strings.Builder
		for attempt := range 2 { // the second goes on after the first, though it prints the same
			w := writers.Open(t.Context(), "a", over)
			for i := range 20_000 {
				text := fmt.Sprintf("attempt, line %d: ü€😀\n", i)
				want.WriteString(text)
				for j := range len(text) { // in the middle of characters
					if _, err := w.Write([]byte{text[j]}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if got := all(t, store); got != want.String() {
				t.Fatalf("after attempt %d there are %d bytes, want %d, or they are others", attempt, len(got), want.Len())
			}
			if _, err := w.Write([]byte("late")); err == nil {
				t.Error("it was written after Close")
			}
		}
		if got := store.calls; got > 200 {
			t.Errorf("%d calls of the store", got)
		}
	})
}

func TestWhatAHandlerPrintsIsSeenSoon(t *testing.T) { // T21
	synctest.Test(t, func(t *testing.T) {
		store := memoutput.New(memoutput.Config{}, slog.New(slog.DiscardHandler))
		w := outputs.NewWriters(store, slog.New(slog.DiscardHandler)).Open(t.Context(), "a", nil)
		_, _ = io.WriteString(w, "one ")
		_, _ = io.WriteString(w, "two \xe2\x82")
		pass(60 * time.Millisecond)
		synctest.Wait()
		if got := all(t, store); got != "one two " {
			t.Errorf("there is %q", got)
		}
		_, _ = w.Write([]byte("\xac\xff\xfe!\xe2\x82"))
		_ = w.Close()
		if got := all(t, store); got != "one two €\uFFFD!\uFFFD" {
			t.Errorf("there is %q", got)
		}
	})
}

func TestAHandlerThatPrintsNothingCostsNothing(t *testing.T) { // T23
	w := outputs.NewWriters(nil, nil).Open(t.Context(), "a", nil)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestAHandlerWaitsForAStoreThatTakesNothing(t *testing.T) { // T21
	synctest.Test(t, func(t *testing.T) {
		store := newFlaky()
		store.set(true)
		w := outputs.NewWriters(store, slog.New(slog.DiscardHandler)).Open(t.Context(), "a", nil)
		text := strings.Repeat("x", 300<<10)
		written := make(chan error)
		go func() {
			_, err := io.WriteString(w, text)
			written <- err
		}()
		pass(time.Minute)
		synctest.Wait()
		select {
		case err := <-written:
			t.Fatal("all of it is buffered", err)
		default:
		}
		store.set(false)
		if err := <-written; err != nil {
			t.Error(err)
		}
		_ = w.Close()
		if got := all(t, store); got != text {
			t.Errorf("%d bytes are there", len(got))
		}
	})
}

func TestTheEndOfATaskWaitsForItsOutputForAWhile(t *testing.T) { // T21, T15
	synctest.Test(t, func(t *testing.T) {
		store := newFlaky()
		store.set(true)
		log := &logs.Logs{}
		w := outputs.NewWriters(store, log.Logger()).Open(t.Context(), "a", nil)
		_, _ = io.WriteString(w, "one")
		begin := time.Now()
		_ = w.Close()
		if took := time.Since(begin); took < 5*time.Second || took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		log.Want(t, "level=WARN", "output is lost", "task_id=a")
	})
}

func TestAnAbandonedHandlerPrintsNothingMore(t *testing.T) { // T7
	synctest.Test(t, func(t *testing.T) {
		store := newFlaky()
		over := make(chan struct{})
		w := outputs.NewWriters(store, slog.New(slog.DiscardHandler)).Open(t.Context(), "a", over)
		_, _ = io.WriteString(w, "one")
		pass(time.Second)
		close(over)
		synctest.Wait()
		if _, err := io.WriteString(w, "two"); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Write: %v", err)
		}
		if got := all(t, store); got != "one" {
			t.Errorf("there is %q", got)
		}
	})
}

// pass lets time go by, in a bubble.
func pass(d time.Duration) { <-time.After(d) }
