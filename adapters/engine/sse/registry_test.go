package sse_test

import (
	"errors"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// attachAs connects a client of that name.
func (b *bench) attachAs(token connection.Token, name string) error {
	_, err := b.Resume(b.t.Context(), token, sse.Client{Name: name})
	return err
}

func TestAStreamThatReplacesAnotherDoesNotCountAgainstTheLimit(t *testing.T) { // C3
	b := newBench(t, sse.Config{MaxStreams: 2})
	attach := func(token connection.Token, name string, want error) {
		t.Helper()
		if err := b.attachAs(token, name); !errors.Is(err, want) {
			t.Errorf("%s as %q: %v, want %v", token, name, err, want)
		}
	}
	end := func(token connection.Token) {
		t.Helper()
		if err := b.Close(token, event.Event{Name: stream.NameReplaced, Data: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	attach("a1", "a", nil)
	attach("b1", "b", nil)
	attach("c1", "c", sse.ErrTooManyStreams)
	attach("x1", "", sse.ErrTooManyStreams)
	attach("a2", "a", nil)
	attach("a3", "a", sse.ErrTooManyStreams) // a1 has no last event queued: perhaps a2 may not have the name
	end("a1")                                // no transport writes a1: its client is dead
	attach("a3", "a", nil)
	if err := b.attachAs("a4", "a"); !errors.Is(err, sse.ErrTooManyStreams) { // a2 has no last event queued either
		t.Errorf("a fourth stream: %v", err)
	}
	attach("c1", "c", sse.ErrTooManyStreams)
	attach("b2", "b", nil)
}

func TestANameIsForgottenWithItsStreams(t *testing.T) {
	b := newBench(t, sse.Config{MaxStreams: 1})
	for range 3 {
		first, err := b.Resume(t.Context(), "a1", sse.Client{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		second, err := b.Resume(t.Context(), "a2", sse.Client{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		second.Detach()
		first.Detach()
		other, err := b.Resume(t.Context(), "b", sse.Client{Name: "b"})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.attachAs("a", "a"); !errors.Is(err, sse.ErrTooManyStreams) {
			t.Errorf("a name without a stream counts: %v", err)
		}
		other.Detach()
	}
}

func TestANameStaysThatOfItsStreamWhenAnotherIsRefused(t *testing.T) { // A15, C3
	b := newBench(t, sse.Config{MaxStreams: 1})
	if err := b.attachAs("a1", "a"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		foreign, err := b.Resume(t.Context(), "a2", sse.Client{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		foreign.Detach() // it is of another subject
	}
	if err := b.attachAs("a3", "a"); err != nil {
		t.Errorf("the client cannot replace its own stream any more: %v", err)
	}
}
