package ssegateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/adapters/engine/ssegateway"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/test/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unmeasured is a gateway.Metrics.
type unmeasured struct{}

func (unmeasured) Sent(event.Service, int, int)      {}
func (unmeasured) Took(event.Service, time.Duration) {}

// bench is a gateway on an engine that runs until the test ends.
type bench struct {
	*ssegateway.Gateway

	engine *enginetest.Engine
	t      testing.TB
}

func newBench(t testing.TB, cfg sse.Config) *bench {
	engine := enginetest.Run(t, cfg, unmeasured{})
	return &bench{Gateway: ssegateway.New(engine), engine: engine, t: t}
}

// open adds a stream that the backend accepts at once.
func (b *bench) open(token connection.Token) *sse.Stream {
	b.t.Helper()
	s := b.pending(token, "")
	s.Open()
	return s.Stream
}

// raw is an event of a backend, with an ID unless that is "".
func raw(id, name, data string) wire.Raw { return wire.Raw{ID: id, Name: name, Data: data} }

func (b *bench) frame(r wire.Raw) ssegateway.Frame {
	b.t.Helper()
	f, err := b.Frame(r)
	if err != nil {
		b.t.Fatalf("%+v: %v", r, err)
	}
	return f
}

func (b *bench) push(token connection.Token, r wire.Raw, wantPending bool) {
	b.t.Helper()
	if pending, err := b.Push(token, b.frame(r), false); err != nil || pending != wantPending {
		b.t.Errorf("push %+v: pending %t, %v", r, pending, err)
	}
}

func (b *bench) broadcastRaw(r wire.Raw, want int) {
	b.t.Helper()
	if streams, err := b.Publish(b.frame(r)); err != nil || streams != want {
		b.t.Errorf("publish %+v: %d streams, %v; want %d", r, streams, err, want)
	}
}

func (b *bench) pending(token connection.Token, lastEventID string) *ssegateway.Stream {
	b.t.Helper()
	s, err := b.Attach(token, sse.Client{LastEventID: lastEventID})
	if err != nil {
		b.t.Fatalf("attach: %v", err)
	}
	return s
}

// finish ends a stream and returns all that it got, as "id name data".
func (b *bench) finish(c *enginetest.Client, token connection.Token) (got []string) {
	b.t.Helper()
	if _, err := b.Push(token, ssegateway.Frame{}, true); err != nil {
		b.t.Errorf("end: %v", err)
	}
	for item := c.Next(); item.Kind != 0; item = c.Next() {
		got = append(got, strings.TrimSpace(item.Event.ID+" "+item.Event.Name+" "+item.Event.Data))
	}
	return got
}

func wantAll(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("the stream got\n%q, want\n%q", got, want)
	}
}

// n is the log event with that sequence, as a backend pushes it.
func n(seq int) wire.Raw { return raw(fmt.Sprintf("e-%d", seq), "n", fmt.Sprint(seq)) }

// got is what finish returns for log events.
func got(seqs ...int) (all []string) {
	for _, seq := range seqs {
		all = append(all, fmt.Sprintf("e-%d n %d", seq, seq))
	}
	return all
}

func (b *bench) broadcastAll(streams int, seqs ...int) {
	b.t.Helper()
	for _, seq := range seqs {
		b.broadcastRaw(n(seq), streams)
	}
}

func snapshotAt(seq int) wire.Raw { return raw(fmt.Sprintf("e-%d", seq), "snapshot", "s") }

func resetTo(id string) wire.Raw { return raw(id, "stream_reset", "{}") }

func do(b *bench, f func(*bench)) {
	if f != nil {
		f(b)
	}
}

func (b *bench) replay(token connection.Token, seq int, wantPending bool) {
	b.t.Helper()
	r := n(seq)
	r.Replay = true
	b.push(token, r, wantPending)
}
