package sse_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/test/sseclient"
)

// newParts returns n parts of a state, of so many bytes each.
func newParts(n, size int) []*gateway.Part {
	parts := make([]*gateway.Part, n)
	for i := range parts {
		parts[i] = gateway.NewPart(note(fmt.Sprintf("part %d %s", i, strings.Repeat("x", size))))
	}
	return parts
}

func sendParts(t testing.TB, e *sse.Engine, token connection.Token, parts []*gateway.Part) {
	t.Helper()
	next := 0
	err := e.SendParts(token, func() (*gateway.Part, bool) {
		next++
		return parts[next-1], next < len(parts)
	})
	if err != nil {
		t.Errorf("send parts: %v", err)
	}
}

// aStateLargerThanAllLimitsReachesASlowClient: while it reads, more is published than
// the log holds.
func aStateLargerThanAllLimitsReachesASlowClient(t *testing.T, shards int) { // T13, G4, G9
	const parts, history = 64, 72 << 10 // more than is published while what the buffers hold is read
	b := newBench(t, sse.Config{Shards: shards, PrivateBytes: 256, HistoryBytes: history})
	stream := b.attach("t", "")
	sendParts(t, b.Engine.Engine, "t", newParts(parts, 1<<10))
	b.send("t", note("version")) // what else a new stream is sent
	c := b.Stuck(stream)
	d := sseclient.NewDecoder(c.Body, "")
	published, last := 0, event.ID{Epoch: epoch}
	for part, others := 0, 0; part < parts || others <= published; {
		item, err := d.Next()
		if err != nil {
			t.Fatalf("after %d parts and %d events: %v", part, others, err)
		}
		id, err := event.ParseID(item.Event.ID)
		if err != nil || id.Seq < last.Seq {
			t.Errorf("after %v came the id %q", last, item.Event.ID)
		}
		last = id
		if !strings.HasPrefix(item.Event.Data, `"part `) {
			others++
			continue
		}
		if want := fmt.Sprintf(`"part %d `, part); !strings.HasPrefix(item.Event.Data, want) {
			t.Fatalf("got %.20s, want %s", item.Event.Data, want)
		}
		part++
		for range 4 { // in all, more than what the log holds
			b.publish(note(fmt.Sprintf("%0*d", 256, published)))
			published++
		}
	}
	if s := b.Stats(); s.Slow != (sse.SlowStats{}) {
		t.Errorf("slow consumers: %+v", s.Slow)
	}
	if ok, failed, _ := b.metrics.of(event.ServiceTask); ok != parts+1+published || failed != 0 {
		t.Errorf("counted %d sent and %d failed, want %d sent", ok, failed, parts+1+published)
	}
}

func TestAClientThatWaitsCostsWhatOnePartCosts(t *testing.T) { // T13, G4
	const streams, size = 10_000, 64 << 10
	cost := func(parts []*gateway.Part) uint64 {
		s := simulate(t, sse.Config{HistoryBytes: 1 << 20}, 0)
		defer s.stop()
		before := live()
		for i := range streams {
			s.connect(t, fmt.Sprint(i), "", sse.SimulatedConn{Stuck: true})
			sendParts(t, s.Engine, connection.Token(fmt.Sprint(i)), parts)
		}
		after := live()
		runtime.KeepAlive(parts)
		return (after - before) / streams
	}
	one, many := cost(newParts(1, size)), cost(newParts(400, size)) // 25 MiB
	if one > 1<<10 || many > one+512 {                              // the heap is never quite the same
		t.Errorf("a client that waits for a state costs %d bytes with one part, %d with 400", one, many)
	}
}
