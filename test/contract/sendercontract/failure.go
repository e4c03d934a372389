package sendercontract

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

func (s *suite) stuckStream(t *testing.T) { // E10, G4
	b := s.bench(t)
	streams := b.open(t, 2)
	stuck, other := streams[0], streams[1]
	release := stall(t, stuck)
	var all []event.Event
	for i := range 20 {
		all = append(all, note(fmt.Sprintf("to all %d", i)))
	}
	promptly(t, func() {
		for _, ev := range all {
			b.broadcast(t, ev)
		}
		b.send(t, stuck, note("private"))
		b.send(t, other, note("private"))
	})
	all = append(all, note("private"))
	want(t, other, all...)
	release()
	want(t, stuck, all...)
}

func (s *suite) conflation(t *testing.T) { // E10
	b := s.bench(t)
	st := b.open(t, 1)[0]
	release := stall(t, st)
	evs := []event.Event{
		note("started"), state("a", "a1"), state("b", "b1"), state("a", "a2"),
		note("between"), state("a", "a3"), state("b", "b2"), note("ended"),
	}
	for _, ev := range evs {
		b.broadcast(t, ev)
	}
	release()

	mayMiss := map[string]bool{`"a1"`: true, `"a2"`: true, `"b1"`: true}
	for len(evs) > 0 {
		got := next(t, st).Data
		for got != string(evs[0].Data) {
			if !mayMiss[string(evs[0].Data)] || len(evs) == 1 {
				t.Fatalf("got %s, want %s", got, evs[0].Data)
			}
			evs = evs[1:]
		}
		evs = evs[1:]
	}
}

func (s *suite) closing(t *testing.T) { // C3
	b := s.bench(t)
	streams := b.open(t, 2)
	b.broadcast(t, note("to all"))
	b.send(t, streams[0], note("private"))
	if err := b.Sender.Close(t.Context(), streams[0].Token, control(stream.NameReplaced)); err != nil {
		t.Fatalf("close: %v", err)
	}
	want(t, streams[0], note("to all"), note("private"), control(stream.NameReplaced))
	wantEnd(t, streams[0])
	b.broadcast(t, note("after"))
	want(t, streams[1], note("to all"), note("after"))
}

func (s *suite) closingWithoutEvent(t *testing.T) { // A18
	b := s.bench(t)
	streams := b.open(t, 2)
	b.broadcast(t, note("to all"))
	b.send(t, streams[0], note("private"))
	if err := b.Sender.Close(t.Context(), streams[0].Token, event.Event{}); err != nil {
		t.Fatalf("close: %v", err)
	}
	want(t, streams[0], note("to all"), note("private"))
	wantEnd(t, streams[0])
	b.broadcast(t, note("after"))
	want(t, streams[1], note("to all"), note("after"))
}

func (s *suite) unknownToken(t *testing.T) {
	b := s.bench(t)
	bystander := b.open(t, 1)[0]
	err := b.Sender.Send(t.Context(), "no such token", note("lost"))
	s.wantUnknown(t, b, "no such token", err)
	b.broadcast(t, note("after"))
	want(t, bystander, note("after"))
}

func (s *suite) closedToken(t *testing.T) {
	b := s.bench(t)
	st := b.open(t, 1)[0]
	if err := b.Sender.Close(t.Context(), st.Token, control(stream.NameReplaced)); err != nil {
		t.Fatalf("close: %v", err)
	}
	want(t, st, control(stream.NameReplaced))
	wantEnd(t, st)
	s.wantUnknown(t, b, st.Token, b.Sender.Send(t.Context(), st.Token, note("lost")))
}

// wantUnknown checks what a Send to token returned, or what the listener is called with.
func (s *suite) wantUnknown(t *testing.T, b *bench, token connection.Token, err error) {
	t.Helper()
	if errors.Is(err, gateway.ErrUnknownToken) {
		return
	}
	if err != nil || s.lateUnknownToken == "" {
		t.Fatalf("send to an unknown token: got %v, want ErrUnknownToken", err)
	}
	t.Log("ErrUnknownToken comes late:", s.lateUnknownToken)
	select {
	case got := <-b.Gone:
		if got != token {
			t.Errorf("gone: got token %q, want %q", got, token)
		}
	case <-time.After(waitLimit):
		t.Error("the listener was never called with Gone")
	}
}

func (s *suite) resumeUnknown(t *testing.T) { // G3, G6
	b := s.bench(t)
	bystander := b.open(t, 1)[0]
	b.broadcast(t, note("before"))
	for _, id := range []string{b.last.String(), "other-1", "no ID"} {
		promptly(t, func() {
			b.Sender.Resume(t.Context(), connection.Connection{RequestID: "none", Token: "no such token"}, id)
		})
	}
	b.broadcast(t, note("after"))
	want(t, bystander, note("before"), note("after"))
}

func (s *suite) invalidEvents(t *testing.T) {
	b := s.bench(t)
	st := b.open(t, 1)[0]
	for _, bad := range []event.Event{
		{Data: []byte(`{}`)},
		{Service: event.ServiceTask, Name: "two\nlines", Data: []byte(`{}`)},
		{Service: event.ServiceTask, Name: "note", Data: []byte(`{"half":`)},
		{Service: event.ServiceTask, Name: "note", Data: []byte("\"caf\xe9\"")}, // Latin-1
	} {
		for call, err := range b.calls(t.Context(), st.Token, bad) {
			if !errors.Is(err, event.ErrInvalid) {
				t.Errorf("%s with event %+v: got %v, want event.ErrInvalid", call, bad, err)
			}
		}
	}
	b.broadcast(t, note("valid"))
	want(t, st, note("valid"))
}

func (s *suite) shut(t *testing.T) {
	b := s.bench(t)
	st := b.open(t, 1)[0]
	b.Shut()
	for call, err := range b.calls(t.Context(), st.Token, note("late")) {
		if !errors.Is(err, gateway.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", call, err)
		}
	}
}

// calls makes every call of the port with ev and returns what each said.
func (b *bench) calls(ctx context.Context, token connection.Token, ev event.Event) map[string]error {
	id := event.ID{Epoch: b.last.Epoch, Seq: b.last.Seq + 1}
	return map[string]error{
		"Broadcast": b.Sender.Broadcast(ctx, event.Record{ID: id, Event: ev}),
		"Send":      b.Sender.Send(ctx, token, ev),
		"SendParts": b.Sender.SendParts(ctx, token, func() (*gateway.Part, bool) { return gateway.NewPart(ev), false }),
		"Close":     b.Sender.Close(ctx, token, ev),
	}
}
