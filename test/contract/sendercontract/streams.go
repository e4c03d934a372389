package sendercontract

import (
	"testing"
	"time"

	"heliograph/domain/connection"
	"heliograph/domain/diagnosis"
)

// liveStream is what a sender says of a stream whose client takes everything.
func (s *suite) liveStream(t *testing.T) { // W6
	b := s.bench(t)
	st := b.open(t, 1)[0]
	b.broadcast(t, note("to all"))
	b.send(t, st, note("private"))
	want(t, st, note("to all"), note("private"))
	c := connection.Connection{RequestID: "r1", Token: st.Token}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for { // the client has it before the sender knows
		got, ok := b.Streams.Stream(c)
		if ok && got == (diagnosis.Stream{State: diagnosis.Live}) {
			return
		}
		select {
		case <-tick.C:
		case <-time.After(waitLimit):
			t.Fatalf("it says %+v, %v", got, ok)
		}
	}
}
