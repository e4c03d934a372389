package ssegateway_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/engine/ssegateway"
	"heliograph/domain/connection"
	"heliograph/domain/gateway"
	"heliograph/test/enginetest"
	"heliograph/test/sseclient"
)

// TestBothTransportsCarryABackendsEvents runs what must hold for every transport.
func TestBothTransportsCarryABackendsEvents(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, shards int){
		"BackendIsHeldToThePaceOfItsClient":                   backendIsHeldToThePaceOfItsClient,
		"WhatIsPushedToAPendingStreamGoesOutBeforeTheLog":     pendingGoesOutBeforeTheLog,
		"RepeatedEventThatTheLogHasTooGoesOutOnce":            repeatedEventGoesOutOnce,
		"PrivateEventWithTheIDOfALogEventGoesOutAfterIt":      privateEventStaysBehindItsLogEvent,
		"ResetMovesAPendingStreamBehindItsID":                 resetMovesAPendingStream,
		"ClientDoesNotGetAgainWhatItHas":                      clientDoesNotGetAgainWhatItHas,
		"BroadcastUnderAKnownIDIsNotRepeated":                 broadcastUnderAKnownIDIsNotRepeated,
		"EndWithoutAnEventEndsTheStreamAfterAllBefore":        endWithoutAnEvent,
		"EventLargerThanTheLimitIsTakenAlone":                 largeEventIsTakenAlone,
		"OpenStreamOverItsLimitIsDropped":                     openStreamOverItsLimit,
		"DrainedPendingStreamGetsItsEventsThenRetryAndTheEnd": drainedPendingStream,
	} {
		for transport, shards := range enginetest.Transports() {
			t.Run(name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				test(t, shards)
			})
		}
	}
}

func pendingGoesOutBeforeTheLog(t *testing.T, shards int) { // gateway-protocol: callbacks
	b := newBench(t, sse.Config{Shards: shards})
	s := b.pending("t", "")
	b.broadcastRaw(raw("", "", "log"), 1)
	b.push("t", raw("", "a", "first"), true)
	b.push("t", raw("x-9", "b", "second"), true)
	s.Open()
	b.push("t", raw("", "", "third"), false)
	wantAll(t, b.finish(b.engine.Open(s.Stream), "t"), "a first", "x-9 b second", "message log", "message third")
}

func repeatedEventGoesOutOnce(t *testing.T, shards int) { // G2, G6
	b := newBench(t, sse.Config{Shards: shards})
	b.broadcastRaw(raw("e-2", "n", "2"), 0)
	s := b.pending("t", "e-1")
	for _, r := range []wire.Raw{raw("e-3", "n", "3"), raw("e-4", "n", "4"), raw("e-5", "n", "5")} {
		b.broadcastRaw(r, 1)
	}
	for _, r := range []wire.Raw{raw("e-2", "n", "2"), raw("e-3", "n", "3"), raw("e-4", "n", "4")} {
		b.push("t", r, true)
	}
	s.Open()
	wantAll(t, b.finish(b.engine.Open(s.Stream), "t"), "e-2 n 2", "e-3 n 3", "e-4 n 4", "e-5 n 5")
}

func privateEventStaysBehindItsLogEvent(t *testing.T, shards int) { // G2
	b := newBench(t, sse.Config{Shards: shards})
	s := b.pending("t", "")
	b.broadcastRaw(raw("e-1", "n", "1"), 1)
	b.broadcastRaw(raw("e-2", "n", "2"), 1)
	b.push("t", raw("e-1", "snapshot", "s"), true)
	b.push("t", raw("e-0", "old", "o"), true)
	s.Open()
	wantAll(t, b.finish(b.engine.Open(s.Stream), "t"), "e-1 n 1", "e-1 snapshot s", "e-2 n 2", "e-2 old o")
}

func resetMovesAPendingStream(t *testing.T, shards int) { // G3
	b := newBench(t, sse.Config{Shards: shards})
	s := b.pending("t", "d-7")
	b.broadcastRaw(raw("e-1", "n", "1"), 1)
	b.broadcastRaw(raw("e-2", "n", "2"), 1)
	b.push("t", raw("e-1", "stream_reset", "{}"), true)
	s.Open()
	wantAll(t, b.finish(b.engine.Open(s.Stream), "t"), "e-1 stream_reset {}", "e-2 n 2")
}

func clientDoesNotGetAgainWhatItHas(t *testing.T, shards int) { // G2
	b := newBench(t, sse.Config{Shards: shards})
	s := b.pending("t", "e-1")
	b.broadcastRaw(raw("e-1", "n", "1"), 1)
	b.broadcastRaw(raw("e-2", "n", "2"), 1)
	s.Open()
	wantAll(t, b.finish(b.engine.Open(s.Stream), "t"), "e-2 n 2")
}

func broadcastUnderAKnownIDIsNotRepeated(t *testing.T, shards int) { // gateway-protocol: extensions
	b := newBench(t, sse.Config{Shards: shards, HistoryBytes: 4 << 10})
	c := b.engine.Open(b.open("t"))
	for range 3 {
		b.broadcastRaw(raw("e-1", "n", "1"), 1)
		b.broadcastRaw(raw("e-1", "stream_reset", "r"), 1) // names a position, and is not the event there
	}
	if got := c.Next().Event; got != (sseclient.Event{ID: "e-1", Name: "n", Data: "1"}) {
		t.Fatalf("got %+v", got)
	}
	for range 3 {
		if got := c.Next().Event; got.Name != "stream_reset" || got.ID != "e-1" {
			t.Fatalf("got %+v, want a reset", got)
		}
	}
	for i := range 100 {
		b.broadcastRaw(raw("", "n", strings.Repeat("x", 100)), 1)
		if got := c.Next().Event.Data; len(got) != 100 {
			t.Fatalf("event %d: %q", i, got)
		}
	}
	b.broadcastRaw(raw("e-1", "n", "1"), 1) // the log has forgotten it
	wantAll(t, b.finish(c, "t"), "e-1 n 1")
}

func endWithoutAnEvent(t *testing.T, shards int) { // gateway-protocol: push
	b := newBench(t, sse.Config{Shards: shards})
	c := b.engine.Open(b.open("t"))
	if pending, err := b.Push("t", ssegateway.Frame{}, false); pending || err != nil {
		t.Errorf("nothing: %t, %v", pending, err)
	}
	b.push("t", raw("", "n", "1"), false)
	b.broadcastRaw(raw("", "n", "2"), 1)
	wantAll(t, b.finish(c, "t"), "n 1", "n 2")
	if why := <-c.Reason; why != connection.ReasonServerClosed {
		t.Errorf("ended for %q", why)
	}
	if _, err := b.Push("t", ssegateway.Frame{}, false); !errors.Is(err, gateway.ErrUnknownToken) {
		t.Errorf("a push after the end: %v, want ErrUnknownToken", err)
	}
}

func largeEventIsTakenAlone(t *testing.T, shards int) { // G4
	b := newBench(t, sse.Config{Shards: shards, PrivateBytes: 1000, Format: wire.FormatEnvelope})
	large := strings.Repeat("x", 5000)
	s := b.pending("t", "")
	b.push("t", raw("", "", large), true) // behind "ready", which does not count
	if _, err := b.Push("t", b.frame(raw("", "", "more")), false); !errors.Is(err, gateway.ErrStreamFull) {
		t.Errorf("more: %v, want ErrStreamFull", err)
	}
	s.Detach()
	c := b.engine.Open(b.open("u"))
	c.Want("", "ready", "")
	b.push("u", raw("", "", large), false)
	c.Want("", "message", large)
}

func openStreamOverItsLimit(t *testing.T, shards int) { // G4
	b := newBench(t, sse.Config{Shards: shards, PrivateBytes: 1000})
	c := b.engine.Stuck(b.open("t"))
	var err error
	for n := 0; err == nil && n < 1<<20; n += 100 { // the socket's buffers take some
		_, err = b.Push("t", b.frame(raw("", "n", strings.Repeat("x", 90))), false)
	}
	if !errors.Is(err, gateway.ErrStreamFull) {
		t.Fatalf("push: %v, want ErrStreamFull", err)
	}
	if why := <-c.Reason; why != connection.ReasonServerClosed {
		t.Errorf("ended for %q", why)
	}
	if n := b.engine.Stats().Slow.Private; n != 1 {
		t.Errorf("%d slow consumers were counted, want 1", n)
	}
}

func drainedPendingStream(t *testing.T, shards int) { // G8
	b := newBench(t, sse.Config{Shards: shards, DrainSpread: time.Second})
	s := b.pending("t", "")
	b.push("t", raw("", "n", "1"), true)
	b.broadcastRaw(raw("", "n", "2"), 1)
	drained := make(chan error, 1)
	go func() { drained <- b.engine.Drain(t.Context()) }()
	for late, err := b.Attach("u", sse.Client{}); !errors.Is(err, sse.ErrDraining); late, err = b.Attach("u", sse.Client{}) {
		late.Detach() // it has not begun
	}
	s.Open()
	c := b.engine.Open(s.Stream)
	c.Want("", "n", "1")
	c.Want("", "n", "2")
	if item := c.Next(); item.Kind != sseclient.KindRetry {
		t.Errorf("got %+v, want a retry", item)
	}
	c.WantEnd(connection.ReasonServerClosed)
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
}

func backendIsHeldToThePaceOfItsClient(t *testing.T, shards int) { // G4, T13
	const events, size = 64, 2 << 10
	b := newBench(t, sse.Config{Shards: shards, PrivateBytes: 3 * size})
	s := b.pending("t", "")
	pushed := make(chan error, 1)
	go func() { // as a backend does, before it has accepted the stream and after
		for i := range events {
			f := b.frame(raw("", "n", fmt.Sprintf("%d %s", i, strings.Repeat("x", size))))
			if _, err := b.PushWhenRoom(t.Context(), "t", f, false); err != nil {
				pushed <- err
				return
			}
		}
		pushed <- nil
	}()
	s.Open()
	c := b.engine.Open(s.Stream)
	for i := range events {
		if got := c.Next().Event.Data; !strings.HasPrefix(got, fmt.Sprint(i, " ")) {
			t.Fatalf("event %d: got %.10q", i, got)
		}
	}
	if err := <-pushed; err != nil {
		t.Error(err)
	}
}

func TestAPushWaitsForRoomNoLongerThanItsBackend(t *testing.T) { // G4
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(b *bench)
		want error
		wait time.Duration
	}{
		"the client takes nothing": {func(*bench) {}, gateway.ErrStreamFull, 4 * time.Second},
		"the stream ends":          {func(b *bench) { _, _ = b.Push("t", ssegateway.Frame{}, true) }, gateway.ErrUnknownToken, 4 * time.Second},
		"the engine stops":         {func(b *bench) { b.engine.Stop() }, gateway.ErrClosed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, sse.Config{PrivateBytes: 100})
				b.engine.Stuck(b.open("t"))
				large := b.frame(raw("", "n", strings.Repeat("x", 100)))
				if _, err := b.Push("t", large, false); err != nil { // is being written, and counts
					t.Fatal(err)
				}
				began, got := time.Now(), make(chan error, 1)
				go func() {
					_, err := b.PushWhenRoom(t.Context(), "t", large, false)
					got <- err
				}()
				synctest.Wait()
				c.end(b)
				if err := <-got; !errors.Is(err, c.want) || time.Since(began) != c.wait {
					t.Errorf("after %v: %v; want %v after %v", time.Since(began), err, c.want, c.wait)
				}
			})
		})
	}
}
