package sendercontract

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/domain/connection"
	"heliograph/domain/event"
)

// waitLimit is how long the suite waits for what must happen. It only ends tests
// that have failed already.
const waitLimit = 30 * time.Second

// bench is one sub-test's subject, and the log that it broadcasts.
type bench struct {
	Subject

	last event.ID // of what was broadcast; owned by the test's goroutine
}

func (s *suite) bench(t *testing.T) *bench {
	subject := s.fresh(t)
	b := &bench{Subject: subject, last: subject.Start}
	if b.last.IsZero() {
		b.last.Epoch = "contract"
	}
	return b
}

// open opens n streams, named r1 to rn.
func (b *bench) open(t *testing.T, n int) []Stream {
	t.Helper()
	streams := make([]Stream, n)
	for i := range streams {
		streams[i] = b.Open(t, connection.RequestID(fmt.Sprintf("r%d", i+1)))
	}
	return streams
}

// broadcast hands ev over as the next event of the log.
func (b *bench) broadcast(t *testing.T, ev event.Event) {
	t.Helper()
	b.last.Seq++
	b.broadcastAs(t, b.last, ev)
}

func (b *bench) broadcastAs(t *testing.T, id event.ID, ev event.Event) {
	t.Helper()
	if err := b.Sender.Broadcast(t.Context(), event.Record{ID: id, Event: ev}); err != nil {
		t.Errorf("broadcast %s: %v", ev.Data, err)
	}
}

func (b *bench) send(t *testing.T, to Stream, ev event.Event) {
	t.Helper()
	if err := b.Sender.Send(t.Context(), to.Token, ev); err != nil {
		t.Errorf("send %s: %v", ev.Data, err)
	}
}

// stall makes s stuck until release is called, at the latest when t ends.
func stall(t *testing.T, s Stream) (release func()) {
	t.Helper()
	release = sync.OnceFunc(s.Stall())
	t.Cleanup(release)
	return release
}

// note is an event that counts; its payload is text.
func note(text string) event.Event {
	return event.Event{Service: event.ServiceTask, Name: "note", Data: fmt.Appendf(nil, "%q", text)}
}

// state is an event that a newer one with the same key makes worthless.
func state(key, text string) event.Event {
	ev := note(text)
	ev.Key = key
	return ev
}

func control(name string) event.Event {
	return event.Event{Name: name, Data: []byte(`{}`)}
}

// next returns the frame that s gets next.
func next(t *testing.T, s Stream) Frame {
	t.Helper()
	select {
	case f, open := <-s.Frames:
		if !open {
			t.Fatal("the stream ended where an event was expected")
		}
		return f
	case <-time.After(waitLimit):
		t.Fatal("no event arrived")
	}
	return Frame{}
}

// want checks that the next frames of s have these payloads.
func want(t *testing.T, s Stream, evs ...event.Event) {
	t.Helper()
	for _, ev := range evs {
		got := next(t, s)
		got.ID = ""
		if diff := cmp.Diff(Frame{Name: ev.Name, Data: string(ev.Data)}, got); diff != "" {
			t.Fatalf("next event (-want +got):\n%s", diff)
		}
	}
}

// wantEnd checks that s ends, without another event.
func wantEnd(t *testing.T, s Stream) {
	t.Helper()
	select {
	case f, open := <-s.Frames:
		if open {
			t.Fatalf("the stream got %+v where it had to end", f)
		}
	case <-time.After(waitLimit):
		t.Fatal("the stream did not end")
	}
}

// promptly checks that f returns.
func promptly(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(waitLimit):
		t.Fatal("the calls did not return")
	}
}
