package sse_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
	"heliograph/test/enginetest"
	"heliograph/test/sseclient"
)

// TestStress lets clients connect, stall, vanish and resume at random while
// events are published, and checks what each of them got against a model: log
// events without a gap or a repetition unless a stream_reset says so, private
// events only of its own and in order, and the right IDs: G2, G3, G4, E2, E7.
func TestStress(t *testing.T) {
	t.Parallel()
	for transport, shards := range enginetest.Transports() {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			stress(t, shards)
		})
	}
}

func stress(t *testing.T, shards int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	b := newBench(t, sse.Config{Shards: shards, HistoryBytes: 32 << 10, PrivateBytes: 4 << 10, Heartbeat: 5 * time.Millisecond})

	var published atomic.Uint64
	var clients, publisher sync.WaitGroup
	done := make(chan struct{})
	publisher.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				b.publish(note(fmt.Sprint(published.Add(1))))
			}
		}
	})
	for i := range 16 {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		m := &model{t: t, name: fmt.Sprint("client", i), rnd: rnd}
		clients.Go(func() {
			for range 40 {
				m.connect(b)
			}
		})
	}
	clients.Wait()
	close(done)
	publisher.Wait()
	t.Logf("%d events; %+v", published.Load(), b.Stats())
	if n := b.Stats().Streams; n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

// model is one client, and what it may get next.
type model struct {
	t       *testing.T
	name    string
	rnd     *rand.Rand
	streams int    // connected so far
	lastID  string // as a browser keeps it
	seq     uint64 // of the last log event; meaningful when lastID is set
	private uint64 // the last one received on this stream
}

// connect opens one stream and reads it for a random while.
func (m *model) connect(b *bench) {
	m.streams++
	m.private = 0
	token := connection.Token(fmt.Sprint(m.name, "/", m.streams))
	s := b.attach(token, m.lastID)
	c := b.Stuck(s)
	var sending sync.WaitGroup
	stop := make(chan struct{})
	sending.Go(func() { sendPrivate(m.t, b, token, stop) })
	if m.rnd.IntN(4) == 0 { // a stall, until the stream has fallen out of the log or nearly so
		m.stall(b)
	}
	m.read(c.Conn, m.rnd.IntN(300))
	close(stop)
	sending.Wait()
	_ = c.Conn.Close()
	<-c.Reason
}

func (m *model) stall(b *bench) {
	from := b.publish(note("stall")).Seq
	for b.publish(note("stall")).Seq < from+uint64(m.rnd.IntN(800)) {
	}
}

func sendPrivate(t *testing.T, b *bench, token connection.Token, stop <-chan struct{}) {
	for n := 1; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		ev := note(fmt.Sprint(token))
		ev.Name, ev.Data = "private", fmt.Appendf(nil, `{"to":%q,"n":%d}`, token, n)
		err := b.Send(token, ev)
		if errors.Is(err, gateway.ErrUnknownToken) || errors.Is(err, gateway.ErrStreamFull) {
			return
		}
		if err != nil {
			t.Errorf("send: %v", err)
		}
		b.publish(note("between"))
	}
}

// read takes so many items and checks them.
func (m *model) read(conn net.Conn, items int) {
	d := sseclient.NewDecoder(conn, m.lastID)
	for range items {
		item, err := d.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
				m.t.Errorf("%s: %v", m.name, err)
			}
			return
		}
		if item.Kind == sseclient.KindEvent {
			m.check(item.Event)
		}
	}
}

func (m *model) check(e sseclient.Event) {
	id, err := event.ParseID(e.ID)
	if err != nil {
		m.t.Errorf("%s: %+v: %v", m.name, e, err)
		return
	}
	known := m.lastID != ""
	m.lastID = e.ID
	switch e.Name {
	case stream.NameReset:
		m.seq = id.Seq
	case "private":
		m.checkPrivate(e)
		if known && id.Seq != m.seq {
			m.t.Errorf("%s: private event with ID %d after log event %d", m.name, id.Seq, m.seq)
		}
		m.seq = id.Seq
	default:
		if known && id.Seq != m.seq+1 {
			m.t.Errorf("%s: log event %d after %d", m.name, id.Seq, m.seq)
		}
		m.seq = id.Seq
	}
}

func (m *model) checkPrivate(e sseclient.Event) {
	var p struct {
		To string
		N  uint64
	}
	if err := json.Unmarshal([]byte(e.Data), &p); err != nil {
		m.t.Errorf("%s: %v", m.name, err)
	}
	if want := fmt.Sprint(m.name, "/", m.streams); p.To != want || p.N != m.private+1 {
		m.t.Errorf("%s: got private event %d of %s after %d", want, p.N, p.To, m.private)
	}
	m.private = p.N
}
