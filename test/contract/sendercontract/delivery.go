package sendercontract

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"heliograph/domain/event"
	"heliograph/domain/stream"
)

func (s *suite) broadcastReachesAll(t *testing.T) { // E2, E7
	b := s.bench(t)
	streams := b.open(t, 3)
	b.broadcast(t, note("first"))
	b.broadcast(t, note("second"))
	for _, st := range streams {
		want(t, st, note("first"), note("second"))
	}
}

func (s *suite) privateReachesOne(t *testing.T) { // E1
	b := s.bench(t)
	streams := b.open(t, 2)
	b.send(t, streams[0], note("private"))
	b.broadcast(t, note("to all"))
	want(t, streams[0], note("private"), note("to all"))
	want(t, streams[1], note("to all"))
}

func (s *suite) orderOfCalls(t *testing.T) { // E7
	b := s.bench(t)
	st := b.open(t, 1)[0]
	var handedOver []event.Event
	for i := range 50 {
		toAll, toOne := note(fmt.Sprintf("to all %d", i)), note(fmt.Sprintf("to one %d", i))
		b.broadcast(t, toAll)
		b.send(t, st, toOne)
		handedOver = append(handedOver, toAll, toOne)
	}
	want(t, st, handedOver...)
}

func (s *suite) concurrentCallers(t *testing.T) { // E7
	const callers, each = 3, 30
	b := s.bench(t)
	st := b.open(t, 1)[0]
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			for i := range each {
				b.send(t, st, note(fmt.Sprintf("%d %d", caller, i)))
			}
		})
	}
	calling.Go(func() {
		for i := range each {
			b.broadcast(t, note(fmt.Sprintf("%d %d", callers, i)))
		}
	})
	calling.Wait()

	var seen [callers + 1]int
	for range each * len(seen) {
		var caller, i int
		data := next(t, st).Data
		if _, err := fmt.Sscanf(strings.Trim(data, `"`), "%d %d", &caller, &i); err != nil {
			t.Fatalf("got %s: %v", data, err)
		}
		if i != seen[caller] {
			t.Fatalf("caller %d: got event %d, want %d", caller, i, seen[caller])
		}
		seen[caller]++
	}
}

func (s *suite) nothingFromBefore(t *testing.T) {
	b := s.bench(t)
	early := b.open(t, 1)[0]
	b.broadcast(t, note("before"))
	want(t, early, note("before"))
	late := b.Open(t, "late")
	b.broadcast(t, note("after"))
	want(t, early, note("after"))
	want(t, late, note("after"))
}

func (s *suite) controlEvents(t *testing.T) {
	b := s.bench(t)
	streams := b.open(t, 2)
	b.broadcastAs(t, event.ID{}, control(stream.NamePing))
	b.send(t, streams[0], control(stream.NameReset))
	b.broadcast(t, note("after"))
	want(t, streams[0], control(stream.NamePing), control(stream.NameReset), note("after"))
	want(t, streams[1], control(stream.NamePing), note("after"))
}

func (s *suite) eventIDs(t *testing.T) { // G2
	if s.noEventIDs != "" {
		t.Skip(s.noEventIDs)
	}
	b := s.bench(t)
	st := b.open(t, 1)[0]
	b.broadcast(t, note("log"))
	b.send(t, st, note("private"))
	b.broadcastAs(t, event.ID{}, control(stream.NamePing))
	for i, id := range []string{b.last.String(), b.last.String(), ""} {
		if got := next(t, st); got.ID != id {
			t.Errorf("event %d, %s: got id %q, want %q", i, got.Data, got.ID, id)
		}
	}
}
