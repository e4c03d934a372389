package sse_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
	"heliograph/test/enginetest"
	"heliograph/test/sseclient"
)

// TestStressOfAudiences lets clients of a few subjects and roles connect, stall, vanish
// and resume at random while events for random audiences are published, and
// holds what each of them got against all that was published: A12, A13, A14, G2, G3, G4.
func TestStressOfAudiences(t *testing.T) {
	t.Parallel()
	for transport, shards := range enginetest.Transports() {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			stressAudiences(t, shards)
		})
	}
}

// published is all that was published, in order: event n has sequence n+1.
type published struct {
	mu        sync.Mutex
	audiences []*access.Audience // guarded by mu
}

// between returns the sequences between two that are for v.
func (p *published) between(v access.Viewer, after, before uint64) (seqs []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq := after + 1; seq < before && seq <= uint64(len(p.audiences)); seq++ {
		if p.audiences[seq-1].Includes(v) {
			seqs = append(seqs, seq)
		}
	}
	return seqs
}

// publish publishes an event for a random audience.
func (p *published) publish(b *bench, rnd *rand.Rand) {
	var a *access.Audience
	if kind := rnd.IntN(10); kind > 2 {
		a = &access.Audience{}
		for range rnd.IntN(4) {
			a.Subjects = append(a.Subjects, fmt.Sprint("s", rnd.IntN(30)))
		}
		if kind > 7 {
			a.Roles = []string{fmt.Sprint("role", rnd.IntN(3))}
			a.RequestIDs = []string{fmt.Sprint("r", rnd.IntN(30))}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.audiences = append(p.audiences, a)
	b.publish(noteTo(a, strings.Repeat("x", rnd.IntN(300))))
}

func stressAudiences(t *testing.T, shards int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	b := newBench(t, sse.Config{Shards: shards, HistoryBytes: 1 << 20, PrivateBytes: 2 << 10, Heartbeat: 5 * time.Millisecond})
	all := &published{}
	var clients sync.WaitGroup
	for i := range 16 {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		v := access.Viewer{Subject: fmt.Sprint("s", i), Roles: []string{fmt.Sprint("role", i%4), "dev"}, RequestID: fmt.Sprint("r", i)}
		switch i {
		case 0:
			v.All = true
		case 1:
			v.Single = true
		case 2:
			v.Subject, v.Roles = "", nil // anonymous
		}
		m := &viewerModel{t: t, all: all, viewer: v, rnd: rnd}
		clients.Go(func() {
			for range 30 {
				m.connect(b)
			}
		})
	}
	clients.Wait()
	stats := b.Stats()
	t.Logf("%d events; %+v", len(all.audiences), stats)
	if stats.Streams != 0 || b.AudienceKeys() != 0 {
		t.Errorf("%d streams and %d keys are left", stats.Streams, b.AudienceKeys())
	}
}

// viewerModel is one client, and what it may get next.
type viewerModel struct {
	t      *testing.T
	all    *published
	viewer access.Viewer
	rnd    *rand.Rand
	opened int    // streams so far
	lastID string // as a browser keeps it
	seq    uint64 // of lastID
	fresh  bool   // the next event may be any: there was no lastID, or a reset
}

func (m *viewerModel) connect(b *bench) {
	m.opened++
	token := connection.Token(fmt.Sprint(m.viewer.RequestID, "/", m.opened))
	s, err := b.Resume(m.t.Context(), token, sse.Client{Name: m.viewer.RequestID, LastEventID: m.lastID, Viewer: m.viewer})
	if err != nil {
		m.t.Error(err)
		return
	}
	m.fresh = m.lastID == ""
	c := b.Stuck(s)
	seed := m.rnd.Uint64()
	var publishing sync.WaitGroup
	publishing.Go(func() { m.publish(b, token, rand.New(rand.NewPCG(seed, 1))) })
	if m.rnd.IntN(2) == 0 { // a stall, until the stream is behind, or has lost something
		publishing.Wait()
	}
	m.read(c.Body, m.rnd.IntN(100))
	_ = c.Conn.Close()
	publishing.Wait()
	<-c.Reason
}

// publish publishes events, now and then a flood, and sends the stream private ones.
func (m *viewerModel) publish(b *bench, token connection.Token, rnd *rand.Rand) {
	n := rnd.IntN(100)
	if rnd.IntN(20) == 0 {
		n = 1000
	}
	for range n {
		m.all.publish(b, rnd)
		if rnd.IntN(8) > 0 {
			continue
		}
		ev := note("private")
		ev.Name = "private"
		if err := b.Send(token, ev); err != nil && !errors.Is(err, gateway.ErrUnknownToken) && !errors.Is(err, gateway.ErrStreamFull) {
			m.t.Error(err)
		}
	}
}

// read takes so many items and checks them.
func (m *viewerModel) read(body io.Reader, items int) {
	d := sseclient.NewDecoder(body, m.lastID)
	for range items {
		item, err := d.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
				m.t.Errorf("%s: %v", m.viewer.RequestID, err)
			}
			return
		}
		if item.Kind == sseclient.KindEvent {
			m.check(item.Event)
		}
	}
}

func (m *viewerModel) check(e sseclient.Event) {
	id, err := event.ParseID(e.ID)
	if err != nil {
		m.t.Errorf("%s: %+v: %v", m.viewer.RequestID, e, err)
		return
	}
	last := m.seq
	m.lastID, m.seq = e.ID, id.Seq
	switch e.Name {
	case stream.NameReset:
		if lost := m.all.between(m.viewer, last, id.Seq+1); len(lost) == 0 {
			m.t.Errorf("%s: a reset from %d to %d, though nothing of its own was between", m.viewer.RequestID, last, id.Seq)
		}
		m.fresh = true
		return
	case "private":
		id.Seq++ // the events up to its ID have been sent
	default:
		if own := m.all.between(m.viewer, id.Seq-1, id.Seq+1); len(own) == 0 {
			m.t.Errorf("%s: event %d is not for it", m.viewer.RequestID, id.Seq)
		}
	}
	if id.Seq <= last {
		m.t.Errorf("%s: %s %d after %d", m.viewer.RequestID, e.Name, id.Seq, last)
	}
	if missed := m.all.between(m.viewer, last, id.Seq); !m.fresh && len(missed) > 0 {
		m.t.Errorf("%s: %s %d after %d, without %v", m.viewer.RequestID, e.Name, id.Seq, last, missed)
	}
	m.fresh = false
}
