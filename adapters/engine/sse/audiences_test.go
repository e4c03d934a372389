package sse_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/access"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
	"heliograph/test/enginetest"
)

// noteTo is a note for some.
func noteTo(a *access.Audience, text string) event.Event {
	ev := note(text)
	ev.Audience = a
	return ev
}

func toSubject(subjects ...string) *access.Audience { return &access.Audience{Subjects: subjects} }

// join adds a stream of a viewer that is not served yet.
func (b *bench) join(v access.Viewer, lastEventID string) *sse.Stream {
	b.t.Helper()
	token := connection.Token(fmt.Sprint("viewer ", b.joined.Add(1)))
	s, err := b.Resume(b.t.Context(), token, sse.Client{Name: v.RequestID, LastEventID: lastEventID, Viewer: v})
	if err != nil {
		b.t.Fatalf("resume: %v", err)
	}
	return s
}

// each runs a test with each transport.
func each(t *testing.T, cfg sse.Config, test func(t *testing.T, b *bench)) {
	t.Helper()
	for transport, shards := range enginetest.Transports() {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			own := cfg
			own.Shards = shards
			test(t, newBench(t, own))
		})
	}
}

var (
	anna  = access.Viewer{Subject: "anna", Roles: []string{"ops", "dev"}, RequestID: "r1"}
	bert  = access.Viewer{Subject: "bert", Roles: []string{"dev"}, RequestID: "r2"}
	admin = access.Viewer{Subject: "root", All: true, RequestID: "r3"}
	guest = access.Viewer{RequestID: "r4"} // authentication is off
)

func TestEventsForSomeReachTheirAudienceOnly(t *testing.T) { // A12, A16, G2
	t.Parallel()
	each(t, sse.Config{}, func(t *testing.T, b *bench) {
		viewers := []access.Viewer{anna, bert, admin, guest}
		clients := make([]*enginetest.Client, len(viewers))
		for i, v := range viewers {
			clients[i] = b.Open(b.join(v, ""))
		}
		audiences := []*access.Audience{
			nil, toSubject("anna"),
			{Roles: []string{"dev"}},
			{Roles: []string{"ops", "dev"}, Subjects: []string{"anna"}},
			{RequestIDs: []string{"r4"}},
			toSubject("nobody"),
			{RequestIDs: []string{"r1", "r2"}},
			toSubject("dev"),
			{},
			nil,
		}
		for _, a := range audiences {
			b.publish(noteTo(a, "to some"))
		}
		b.control("ping")
		for i, v := range viewers {
			for seq, a := range audiences {
				if a.Includes(v) {
					clients[i].WantNote(fmt.Sprint(seq+1), "to some")
				}
			}
			clients[i].Want("", "ping", "{}")
		}
	})
}

func TestEventsForSomeAreInTheOneOrder(t *testing.T) { // A13, E7
	t.Parallel()
	each(t, sse.Config{}, func(t *testing.T, b *bench) {
		s := b.join(anna, "")
		c := b.Open(s)
		for i := range 200 {
			b.publish(noteTo(nil, fmt.Sprint("all ", i)))
			b.publish(noteTo(toSubject("anna"), fmt.Sprint("own ", i)))
			b.publish(noteTo(toSubject("bert"), "secret"))
			b.send(s.Token(), note(fmt.Sprint("private ", i)))
		}
		for i := range 200 {
			c.WantNote(fmt.Sprint(3*i+1), fmt.Sprint("all ", i))
			c.WantNote(fmt.Sprint(3*i+2), fmt.Sprint("own ", i))
			c.WantNote(fmt.Sprint(3*i+3), fmt.Sprint("private ", i)) // A14: the sequence has gone on, no more
		}
	})
}

func TestFormatsAreThoseOfAnyEvent(t *testing.T) { // A12, G1
	t.Parallel()
	for format, want := range map[wire.Format]string{
		wire.FormatNamed:    "id: e1-1\nevent: note\ndata: \"a\"\n\n",
		wire.FormatEnvelope: "event: ready\ndata:\n\nid: e1-1\ndata: {\"type\":\"note\",\"payload\":\"a\"}\n\n",
	} {
		for transport, shards := range enginetest.Transports() {
			t.Run(fmt.Sprint(format, " ", transport), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, sse.Config{Shards: shards, Format: format})
				for _, lastEventID := range []string{"", epoch + "-0"} { // live, and in replay
					c := b.Stuck(b.join(anna, lastEventID))
					if lastEventID == "" {
						b.publish(noteTo(toSubject("anna"), "a"))
					}
					buf := make([]byte, len(want))
					for n := 0; n < len(buf); {
						k, err := c.Body.Read(buf[n:])
						if err != nil {
							t.Fatal(err)
						}
						n += k
					}
					if string(buf) != want {
						t.Errorf("got %q, want %q", buf, want)
					}
				}
			})
		}
	}
}

func TestReplayMergesWhatWasForAllAndWhatWasForTheStream(t *testing.T) { // A13, G2
	t.Parallel()
	each(t, sse.Config{HistoryBytes: 4 << 20, PrivateBytes: 1 << 10}, func(t *testing.T, b *bench) {
		const rounds = 1000 // so that it takes several pages, and many times what may wait
		for i := range rounds {
			b.publish(noteTo(nil, fmt.Sprint("all ", i)))
			b.publish(noteTo(toSubject("anna"), fmt.Sprint("own ", i)))
			b.publish(noteTo(toSubject("bert"), "secret"))
			b.publish(noteTo(&access.Audience{Subjects: []string{"anna"}, Roles: []string{"ops"}, RequestIDs: []string{"r1"}}, strings.Repeat("x", 200)))
		}
		for _, from := range []int{0, 1, 2, 3, 4, 1999, 3 * rounds, 4*rounds - 1, 4 * rounds} {
			s := b.join(anna, fmt.Sprintf("%s-%d", epoch, from))
			b.send(s.Token(), note("private"))
			c := b.Open(s)
			for i := from; i < 4*rounds; i++ {
				switch i % 4 {
				case 0:
					c.WantNote(fmt.Sprint(i+1), fmt.Sprint("all ", i/4))
				case 1:
					c.WantNote(fmt.Sprint(i+1), fmt.Sprint("own ", i/4))
				case 3:
					c.WantNote(fmt.Sprint(i+1), strings.Repeat("x", 200))
				}
			}
			c.WantNote(fmt.Sprint(4*rounds), "private")
		}
		if got := b.Stats(); got.Replays != 8 || got.ReplayedEvents < 3*rounds {
			t.Errorf("%d replays with %d events", got.Replays, got.ReplayedEvents)
		}
	})
}

func TestExpiredIsSaidOfOwnEventsOnly(t *testing.T) { // A13, A14, G3
	t.Parallel()
	each(t, sse.Config{HistoryBytes: 64 << 10}, func(t *testing.T, b *bench) {
		b.publish(noteTo(nil, "all"))                   // 1
		b.publish(noteTo(toSubject("anna"), "own"))     // 2
		b.publish(noteTo(toSubject("carl"), "of carl")) // 3
		for range 2000 {                                // far more than is kept
			b.publish(noteTo(toSubject("bert"), "secret"))
		}
		newest := b.last.String()[len(epoch)+1:]
		for from, c := range map[string]struct {
			v       access.Viewer
			expired bool
		}{
			"1": {anna, true}, "2": {anna, false}, "3": {anna, false}, "1000": {bert, true}, "2003": {bert, false},
			"0": {access.Viewer{Subject: "nobody"}, false}, // what was for all is still there
			"4": {access.Viewer{Subject: "carl"}, false}, "5": {admin, true},
		} {
			got := b.Open(b.join(c.v, epoch+"-"+from))
			b.control("ping")
			switch {
			case c.expired:
				got.Want(newest, stream.NameReset, `{"reason":"expired"}`)
			case from == "0":
				got.WantNote("1", "all")
			}
			got.Want("", "ping", "{}")
		}
		late := b.Open(b.join(anna, epoch+"-1000000"))
		late.Want(newest, stream.NameReset, `{"reason":"invalid"}`)
		for range 2000 {
			b.publish(noteTo(nil, "all"))
		}
		late = b.Open(b.join(anna, epoch+"-"+newest))
		late.Want(b.last.String()[len(epoch)+1:], stream.NameReset, `{"reason":"expired"}`)
	})
}

func TestFollowersOfOneTaskGetVersionsButNothingElseForAll(t *testing.T) { // A12, A16, G5
	t.Parallel()
	version := func(v string) event.Event {
		return event.Event{Service: event.ServiceVersion, Name: "version", Data: fmt.Appendf(nil, `{"version":%q}`, v)}
	}
	each(t, sse.Config{HistoryBytes: 64 << 10}, func(t *testing.T, b *bench) {
		follower := access.Viewer{Subject: access.TaskSubject + "t1", Single: true, RequestID: "f"}
		task := toSubject("anna", access.TaskSubject+"t1")
		b.publish(noteTo(nil, "before"))
		b.publish(noteTo(task, "t1 started"))
		b.publish(version("1"))
		live, late := b.Open(b.join(follower, "")), b.Open(b.join(follower, epoch+"-1"))
		late.WantNote("2", "t1 started")
		for range 2000 { // the log for everyone is worn out, which is no loss to it
			b.publish(noteTo(nil, "of others"))
		}
		b.publish(version("2"))
		b.control("ping")
		b.publish(noteTo(task, "t1 completed"))
		for _, c := range []*enginetest.Client{live, late} {
			c.Want("2004", "version", `{"version":"2"}`)
			c.Want("", "ping", "{}")
			c.WantNote("2005", "t1 completed")
		}
		again := b.Open(b.join(follower, epoch+"-2"))
		again.WantNote("2005", "t1 completed")
		if ok, failed, _ := b.metrics.of(event.ServiceVersion); ok != 2 || failed != 0 {
			t.Errorf("M1: %d versions were sent, %d failed; want 2 and 0", ok, failed)
		}
	})
}

func TestStreamThatIsSlowFetchesWhatItMissed(t *testing.T) { // G4, A13
	t.Parallel()
	each(t, sse.Config{HistoryBytes: 16 << 20, PrivateBytes: 4 << 10}, func(t *testing.T, b *bench) {
		s := b.join(anna, "")
		c := b.Stuck(s)
		const events = 5000 // some 100 times the limit
		for i := range events {
			b.publish(noteTo(toSubject("anna"), fmt.Sprint(i, strings.Repeat("x", 100))))
			b.publish(noteTo(nil, fmt.Sprint(i)))
		}
		b.send(s.Token(), note("private"))
		if err := b.Close(s.Token(), event.Event{Name: stream.NameReplaced, Data: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		b.publish(noteTo(toSubject("anna"), "after the end"))
		b.Read(c)
		for i := range events {
			c.WantNote(fmt.Sprint(2*i+1), fmt.Sprint(i, strings.Repeat("x", 100)))
			c.WantNote(fmt.Sprint(2*i+2), fmt.Sprint(i))
		}
		c.WantNote(fmt.Sprint(2*events), "private")
		c.Want("", stream.NameReplaced, "{}")
		c.WantEnd(connection.ReasonServerClosed)
	})
}

func TestStreamWhoseEventsAreGoneIsASlowConsumer(t *testing.T) { // G4, M1
	t.Parallel()
	each(t, sse.Config{HistoryBytes: 64 << 10, PrivateBytes: 4 << 10}, func(t *testing.T, b *bench) {
		s := b.join(anna, "")
		c := b.Stuck(s)
		other := b.Open(b.join(bert, ""))
		const events = 20_000 // more than sockets, limit and log take
		for range events {
			b.publish(noteTo(toSubject("anna"), strings.Repeat("x", 200)))
		}
		b.publish(noteTo(toSubject("bert"), "for others"))
		other.WantNote(fmt.Sprint(events+1), "for others")
		b.Read(c)
		n := 0
		for item := c.Next(); item.Kind != 0; item = c.Next() {
			n++
		}
		if why := <-c.Reason; why != connection.ReasonServerClosed {
			t.Errorf("it ended for %q", why)
		}
		if got := b.Stats().Slow; got.Log != 1 {
			t.Errorf("slow consumers: %+v", got)
		}
		ok, failed, _ := b.metrics.of(event.ServiceTask)
		if own := ok - 1; failed == 0 || n+failed > own || n+failed < own-1000 { // a few may be in the socket's buffers
			t.Errorf("M1: %d of its own were published, %d failed and %d arrived", own, failed, n)
		}
	})
}

func TestEventsForSomeAreMeasured(t *testing.T) { // M1, M2
	t.Parallel()
	each(t, sse.Config{}, func(t *testing.T, b *bench) {
		clients := []*enginetest.Client{b.Open(b.join(anna, "")), b.Open(b.join(bert, "")), b.Open(b.join(guest, ""))}
		stuck := b.join(access.Viewer{Subject: "carl", Roles: []string{"dev"}}, "") // never served
		b.publish(noteTo(&access.Audience{Roles: []string{"dev"}}, "to three"))
		b.publish(noteTo(toSubject("nobody"), "to none"))
		b.publish(noteTo(&access.Audience{Subjects: []string{"anna"}, Roles: []string{"ops"}}, "to one"))
		clients[0].WantNote("1", "to three")
		clients[0].WantNote("3", "to one")
		clients[1].WantNote("1", "to three")
		until(t, "two observations", func() bool { _, _, took := b.metrics.of(event.ServiceTask); return took == 2 })
		stuck.Detach()
		until(t, "the third", func() bool { _, _, took := b.metrics.of(event.ServiceTask); return took == 3 })
		if ok, failed, _ := b.metrics.of(event.ServiceTask); ok != 4 || failed != 0 {
			t.Errorf("%d ok, %d failed; want 4 and 0", ok, failed)
		}
	})
}

func TestDrainingStreamsGetWhatTheyMissedFirst(t *testing.T) { // G8, A13
	t.Parallel()
	each(t, sse.Config{HistoryBytes: 4 << 20, PrivateBytes: 1 << 10}, func(t *testing.T, b *bench) {
		for range 1000 {
			b.publish(noteTo(toSubject("anna"), strings.Repeat("x", 200)))
		}
		c := b.Stuck(b.join(anna, epoch+"-0"))
		done := make(chan error, 1)
		go func() { done <- b.Drain(t.Context()) }()
		b.Read(c)
		for i := range 1000 {
			c.WantNote(fmt.Sprint(i+1), strings.Repeat("x", 200))
		}
		for c.Next().Kind != 0 { // the retry
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNothingOfAStreamIsLeftInTheIndex(t *testing.T) { // G4
	t.Parallel()
	b := newBench(t, sse.Config{})
	for range 2 { // before the first event for some, and after
		for i := range 100 {
			v := anna
			v.Subject, v.Single = fmt.Sprint(i), i%2 == 0
			s := b.join(v, epoch+"-0")
			g := b.join(access.Viewer{RequestID: fmt.Sprint(i)}, "")
			s.Detach()
			g.Detach()
		}
		b.publish(noteTo(toSubject("anna"), "to none"))
	}
	if n := b.AudienceKeys(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	if ok, _, _ := b.metrics.of(event.ServiceTask); ok != 0 {
		t.Errorf("%d were sent", ok)
	}
}

func TestControlEventsHaveNoAudience(t *testing.T) { // A12
	t.Parallel()
	b := newBench(t, sse.Config{})
	err := b.Broadcast(event.Record{Event: event.Event{Name: "ping", Data: []byte(`{}`), Audience: toSubject("anna")}})
	if !errors.Is(err, event.ErrInvalid) {
		t.Errorf("broadcast: %v, want ErrInvalid", err)
	}
	b.Stop()
	if err := b.Broadcast(event.Record{ID: event.ID{Epoch: epoch, Seq: 1}, Event: noteTo(toSubject("anna"), "x")}); !errors.Is(err, gateway.ErrClosed) {
		t.Errorf("broadcast to an engine that is closed: %v", err)
	}
}

func TestHistoryIsSharedByBothKindsOfEvents(t *testing.T) { // G4
	t.Parallel()
	const limit = 1 << 20
	b := newBench(t, sse.Config{HistoryBytes: limit})
	for i := range 40_000 {
		a := toSubject(fmt.Sprint(i % 5000))
		if i > 20_000 && i%2 == 0 {
			a = nil
		}
		b.publish(noteTo(a, strings.Repeat("x", 100)))
		if held := b.Stats().LogBytes; held > limit {
			t.Fatalf("%d bytes are held", held)
		}
	}
	if held := b.Stats().LogBytes; held < limit*9/10 {
		t.Errorf("%d bytes are held of %d", held, limit)
	}
}

// TestPartsDoNotGoBackBehindEventsForSome holds up an event between two of its
// recipients, while the first has a part of a state queued.
func TestPartsDoNotGoBackBehindEventsForSome(t *testing.T) { // T13, G2, A13
	t.Parallel()
	b := newBench(t, sse.Config{})
	first, second := b.join(anna, ""), b.join(bert, "")
	held, released := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	parts := func(hold bool) gateway.Parts {
		n := 0
		return func() (*gateway.Part, bool) {
			n++
			if n == 2 && hold {
				close(held)
				<-released
			}
			return gateway.NewPart(note(fmt.Sprint("part ", n))), n < 2
		}
	}
	for s, hold := range map[*sse.Stream]bool{first: false, second: true} {
		if err := b.SendParts(s.Token(), parts(hold)); err != nil {
			t.Fatal(err)
		}
	}
	c := b.Stuck(first)
	b.Open(second).WantNote("0", "part 1")
	<-held // the second stream's mutex with it
	published := make(chan struct{})
	go func() {
		defer close(published)
		b.publish(noteTo(&access.Audience{Roles: []string{"dev"}}, "to both"))
	}()
	until(t, "the event is queued for the first", func() bool { return first.Queued() == 2 })
	b.Read(c)
	c.WantNote("0", "part 1")
	c.WantNote("1", "to both")
	c.WantNote("1", "part 2")
	release()
	<-published
}
