package sse_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/access"
	"heliograph/domain/event"
	"heliograph/domain/stream"
)

// newBrokerFor holds a note for each audience.
func newBrokerFor(audiences ...*access.Audience) *broker {
	b := newBroker(len(audiences))
	for i, a := range audiences {
		b.records[i].Event.Audience = a
	}
	return b
}

// publishFrom publishes what the broker has.
func (b *bench) publishFrom(br *broker) {
	for _, rec := range br.records[b.last.Seq:] {
		b.publish(rec.Event)
	}
}

func TestBrokersHistoryIsFilteredByAudience(t *testing.T) { // A12, A13, G2
	t.Parallel()
	var audiences []*access.Audience
	for i := range 400 {
		audiences = append(audiences, []*access.Audience{nil, toSubject("anna"), toSubject("bert"), {Roles: []string{"dev"}}}[i%4])
	}
	const start = 300 // what was before is with the broker only
	follower := access.Viewer{Subject: "anna", Single: true}
	for name, v := range map[string]access.Viewer{"anna": anna, "bert": bert, "admin": admin, "guest": guest, "follower": follower} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := newBrokerFor(audiences...)
			b := newBench(t, sse.Config{Start: event.ID{Seq: start}, History: br})
			b.publishFrom(br)
			c := b.Open(b.join(v, at(7)))
			b.control("ping")
			for seq := 8; seq <= len(audiences); seq++ {
				if audiences[seq-1].Includes(v) {
					c.WantNote(fmt.Sprint(seq), fmt.Sprint(seq))
				}
			}
			c.Want("", "ping", "{}")
			if n := b.Stats().Resets; n[stream.ResetExpired]+n[stream.ResetInvalid] > 0 {
				t.Errorf("resets: %v", n)
			}
		})
	}
}

func TestBrokerIsAskedOnlyForOwnEventsThatAreGone(t *testing.T) { // A13
	t.Parallel()
	audiences := []*access.Audience{toSubject("anna"), toSubject("anna"), nil}
	for range 3000 { // they push out what was before
		audiences = append(audiences, toSubject("bert"))
	}
	br := newBrokerFor(audiences...)
	for i := range br.records[3:] {
		br.records[i+3].Event.Data = []byte(`"` + strings.Repeat("x", 200) + `"`)
	}
	b := newBench(t, sse.Config{HistoryBytes: 128 << 10, History: br})
	b.publishFrom(br)
	b.Open(b.join(anna, at(2))).WantNote("3", "3")
	b.Open(b.join(access.Viewer{Subject: "carl"}, at(0))).WantNote("3", "3")
	if br.asked != 0 {
		t.Errorf("the broker was asked %d times for what nobody of these is missing", br.asked)
	}
	c := b.Open(b.join(anna, at(1)))
	c.WantNote("2", "2")
	c.WantNote("3", "3")
	br.set(func() { br.expired = 2 })
	c = b.Open(b.join(anna, at(1)))
	c.Want("3003", stream.NameReset, `{"reason":"expired"}`)
}

// Whom that was for which the broker had let go before the node began, nobody knows.
func TestWhatWasLetGoBeforeTheStartIsTakenForTheStreamsOwn(t *testing.T) { // A13, G3
	t.Parallel()
	audiences := make([]*access.Audience, 10)
	for i := range audiences {
		audiences[i] = toSubject("bert")
	}
	br := newBrokerFor(audiences...)
	br.expired = 5
	b := newBench(t, sse.Config{Start: event.ID{Seq: 10}, History: br})
	b.Open(b.join(anna, at(3))).Want("10", stream.NameReset, `{"reason":"expired"}`)
	kept := b.Open(b.join(anna, at(6)))
	b.control("ping")
	kept.Want("", "ping", "{}")
}

func TestClientThatIsAheadWaitsForEventsOfOthersToo(t *testing.T) { // G2, A14
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, sse.Config{History: newBrokerFor(nil, nil, nil, nil, nil)})
		resumed := make(chan error)
		go func() {
			s, err := b.Resume(t.Context(), "t", sse.Client{LastEventID: at(5), Name: "r1", Viewer: anna})
			if err == nil {
				s.Detach()
			}
			resumed <- err
		}()
		for range 5 {
			synctest.Wait() // the client waits
			b.publish(noteTo(toSubject("bert"), "secret"))
		}
		if err := <-resumed; err != nil {
			t.Error(err)
		}
	})
}

func TestScanOfTheBrokerIsBounded(t *testing.T) { // G4, A13
	t.Parallel()
	br := newBroker(sse.MaxScanned + 1000)
	for i := range br.records {
		br.records[i].Event.Audience = toSubject("bert")
	}
	b := newBench(t, sse.Config{Start: event.ID{Seq: sse.MaxScanned + 500}, History: br})
	b.publishFrom(br)
	c := b.Open(b.join(anna, at(1)))
	c.Want(fmt.Sprint(sse.MaxScanned+1000), stream.NameReset, `{"reason":"expired"}`)
}
