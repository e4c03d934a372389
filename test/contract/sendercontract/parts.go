package sendercontract

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// parts is a state in parts, and how many of them were asked for.
type parts struct {
	events []event.Event
	shared []*gateway.Part
	asked  atomic.Int64
}

func newParts(n, bytes int) *parts {
	p := &parts{}
	for i := range n {
		ev := note(fmt.Sprintf("part %d %s", i, strings.Repeat("x", bytes)))
		p.events, p.shared = append(p.events, ev), append(p.shared, gateway.NewPart(ev))
	}
	return p
}

// reader is for one stream.
func (p *parts) reader() gateway.Parts {
	next := 0
	return func() (*gateway.Part, bool) {
		p.asked.Add(1)
		next++
		return p.shared[next-1], next < len(p.shared)
	}
}

func (b *bench) sendParts(t *testing.T, to Stream, p *parts) {
	t.Helper()
	if err := b.Sender.SendParts(t.Context(), to.Token, p.reader()); err != nil {
		t.Errorf("send parts: %v", err)
	}
}

func (s *suite) parts(t *testing.T) { // T13, G2
	b := s.bench(t)
	streams := b.open(t, 2)
	b.broadcast(t, note("before"))
	p := newParts(5, 10)
	for _, st := range streams {
		b.sendParts(t, st, p)
	}
	for _, st := range streams {
		want(t, st, note("before"))
		for _, ev := range p.events {
			got := next(t, st)
			if got.Data != string(ev.Data) {
				t.Fatalf("got %s, want %s", got.Data, ev.Data)
			}
			if s.noEventIDs == "" && got.ID != b.last.String() {
				t.Errorf("a part has the id %q, want %q", got.ID, b.last)
			}
		}
	}
	b.broadcast(t, note("after"))
	want(t, streams[0], note("after"))
	want(t, streams[1], note("after"))
}

func (s *suite) pacedParts(t *testing.T) { // T13, G4
	b := s.bench(t)
	streams := b.open(t, 2)
	stuck, other := streams[0], streams[1]
	release := stall(t, stuck)
	p := newParts(400, 64<<10) // more than a socket's buffers take
	promptly(t, func() { b.sendParts(t, stuck, p) })
	b.send(t, other, note("private"))
	want(t, other, note("private"))
	if asked := int(p.asked.Load()); asked == len(p.events) {
		t.Error("all parts were asked for by a st that takes none")
	}
	b.send(t, stuck, note("private"))
	b.broadcast(t, note("to all"))
	release()
	rest := map[string]bool{`"private"`: true, `"to all"`: true}
	for _, ev := range p.events {
		got := next(t, stuck)
		for rest[got.Data] {
			delete(rest, got.Data)
			got = next(t, stuck)
		}
		if got.Data != string(ev.Data) {
			t.Fatalf("got %.20s, want %.20s", got.Data, ev.Data)
		}
	}
	if len(rest) > 0 {
		t.Errorf("left behind all the parts: %v", rest)
	}
}

func (s *suite) closingBetweenParts(t *testing.T) { // C3, T13
	b := s.bench(t)
	st := b.open(t, 1)[0]
	release := stall(t, st)
	p := newParts(400, 64<<10)
	b.sendParts(t, st, p)
	if err := b.Sender.Close(t.Context(), st.Token, control(stream.NameReplaced)); err != nil {
		t.Fatalf("close: %v", err)
	}
	release()
	for got := next(t, st); got.Name != stream.NameReplaced; got = next(t, st) {
		if !strings.HasPrefix(got.Data, `"part `) {
			t.Fatalf("got %.20s", got.Data)
		}
	}
	wantEnd(t, st)
}

// partsThatEnd has no part after the first: that is known when that one was taken.
func (s *suite) partsThatEnd(t *testing.T) { // T22
	b := s.bench(t)
	st := b.open(t, 1)[0]
	for _, text := range []string{"one", "two", "three"} {
		ev, written := note(text), make(chan struct{})
		first := true
		err := b.Sender.SendParts(t.Context(), st.Token, func() (*gateway.Part, bool) {
			if first {
				first = false
				return gateway.NewPart(ev), true
			}
			close(written) // a second time would panic
			return nil, false
		})
		if err != nil {
			t.Fatalf("send parts: %v", err)
		}
		want(t, st, ev)
		select {
		case <-written:
		case <-t.Context().Done():
			t.Fatal("that the part was taken is not said")
		}
	}
	b.broadcast(t, note("after"))
	want(t, st, note("after"))
}
