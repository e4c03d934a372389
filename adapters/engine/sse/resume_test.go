package sse_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/engine/sse"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
)

// broker is a History beside a bench whose log lags behind it.
type broker struct {
	mu      sync.Mutex
	records []event.Record // guarded by mu, as all below
	expired uint64         // the last one that is not retained
	away    bool
	asked   int
}

// newBroker holds n notes, numbered from 1.
func newBroker(n int) *broker {
	b := &broker{}
	for seq := range uint64(n) {
		b.records = append(b.records, event.Record{ID: event.ID{Epoch: epoch, Seq: seq + 1}, Event: note(fmt.Sprint(seq + 1))})
	}
	return b
}

func (b *broker) Newest(context.Context) (event.ID, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.away {
		return event.ID{}, event.ErrUnavailable
	}
	return event.ID{Epoch: epoch, Seq: uint64(len(b.records))}, nil
}

func (b *broker) After(_ context.Context, id event.ID, limit int) ([]event.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	switch {
	case b.away:
		return nil, event.ErrUnavailable
	case id.Seq < b.expired:
		return nil, event.ErrExpired
	}
	rest := b.records[id.Seq:]
	return rest[:min(limit, len(rest))], nil
}

// set changes the broker.
func (b *broker) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func at(seq int) string { return fmt.Sprint(epoch, "-", seq) }

// resume adds a stream, or ends the test.
func (b *bench) resume(lastEventID string) *sse.Stream {
	b.t.Helper()
	s, err := b.Resume(b.t.Context(), "t", sse.Client{LastEventID: lastEventID})
	if err != nil {
		b.t.Errorf("resume: %v", err)
	}
	return s
}

func clientThatIsAheadGoesOnWhereItWas(t *testing.T, shards int) { // G2
	b := newBench(t, sse.Config{Shards: shards, History: newBroker(9)})
	b.publishMany(3)
	resumed := make(chan *sse.Stream)
	go func() { resumed <- b.resume(at(5)) }()
	for seq := 4; seq <= 6; seq++ {
		b.publish(note(fmt.Sprint(seq)))
	}
	c := b.Open(<-resumed)
	b.send("t", note("private"))
	c.WantNote("6", "6")
	c.WantNote("6", "private")
	if n := b.Stats().Resets[stream.ResetInvalid]; n != 0 {
		t.Errorf("%d resets", n)
	}
}

func clientOlderThanTheLogGetsTheRestFromTheBroker(t *testing.T, shards int) { // G2
	const missed = 300 // several pages
	b := newBench(t, sse.Config{Shards: shards, Start: event.ID{Seq: missed}, History: newBroker(missed + 10)})
	resumed := make(chan *sse.Stream)
	go func() { resumed <- b.resume(at(7)) }()
	for seq := missed + 1; seq <= missed+20; seq++ {
		b.publish(note(fmt.Sprint(seq)))
	}
	c := b.Open(<-resumed)
	b.send("t", note("private"))
	for seq := 8; seq <= missed+20; seq++ {
		c.WantNote(fmt.Sprint(seq), fmt.Sprint(seq))
	}
	c.WantNote(fmt.Sprint(missed+20), "private")
	if s := b.Stats(); s.Replays != 1 || s.ReplayedEvents < missed-7 {
		t.Errorf("counted %d replays of %d events", s.Replays, s.ReplayedEvents)
	}
}

func TestClientIsToldThatItCannotResumeOnlyIfNobodyHasWhatItNeeds(t *testing.T) { // G3, G4
	const start = 100
	for name, c := range map[string]struct {
		broker *broker
		limit  int // of private bytes
		id     string
		want   string
	}{
		"no broker has got that far": {newBroker(start), 0, at(start + 1), "invalid"},
		"the broker has let it go":   {&broker{expired: 50}, 0, at(49), "expired"},
		"it is too much to wait":     {newBroker(start), 1000, at(1), "expired"},
		"another epoch":              {newBroker(start), 0, "e0-1", "epoch"},
		"no event ID":                {newBroker(start), 0, "junk", "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, sse.Config{Start: event.ID{Seq: start}, PrivateBytes: c.limit, History: c.broker})
				cl := b.Open(b.resume(c.id))
				cl.Want(fmt.Sprint(start), stream.NameReset, `{"reason":"`+c.want+`"}`)
				b.publish(note("next"))
				cl.WantNote(fmt.Sprint(start+1), "next")
			})
		})
	}
}

// A NATS server that has just become leader may say for a moment that the log is
// shorter than it is: a reset for that would give the client again what it has.
func TestOneAnswerIsNoProofThatAClientIsAheadOfTheLog(t *testing.T) { // E7, G3
	synctest.Test(t, func(t *testing.T) {
		broker := newBroker(3)
		b := newBench(t, sse.Config{Start: event.ID{Seq: 3}, History: broker})
		time.AfterFunc(time.Second, func() {
			whole := newBroker(5)
			broker.set(func() { broker.records = whole.records })
		})
		time.AfterFunc(2*time.Second, func() { b.publishMany(2) })
		c := b.Open(b.resume(at(5)))
		b.publish(note("6"))
		c.WantNote("6", "6")
		if n := b.Stats().Resets[stream.ResetInvalid]; n != 0 {
			t.Errorf("%d resets", n)
		}
	})
}

func TestWhoCannotBeAnsweredIsSentAwayAndNotReset(t *testing.T) { // G3, G8
	const start = 5
	for name, c := range map[string]struct {
		id   string
		away bool
	}{
		"the node does not catch up":                             {id: at(start + 1)},
		"the broker cannot be asked whether it has got that far": {id: at(start + 1), away: true},
		"the broker cannot be asked whether it still has it":     {id: at(1), away: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broker := newBroker(start + 1)
				broker.away = c.away
				b := newBench(t, sse.Config{Start: event.ID{Seq: start}, History: broker})
				began := time.Now()
				_, err := b.Resume(t.Context(), "t", sse.Client{LastEventID: c.id})
				if waited := time.Since(began); !errors.Is(err, sse.ErrLagging) || waited != sse.ResumeTime {
					t.Errorf("%v after %s", err, waited)
				}
				broker.set(func() { broker.away = false })
				time.AfterFunc(time.Second, func() { b.publish(note("6")) })
				s := b.resume(c.id)
				s.Detach()
				if resets := b.Stats().Resets; resets[stream.ResetInvalid]+resets[stream.ResetExpired] != 0 {
					t.Errorf("resets: %v", resets)
				}
			})
		})
	}
}

func TestThousandClientsOfALaggingNodeAskTheBrokerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 1000
		broker := newBroker(2)
		b := newBench(t, sse.Config{History: broker})
		var connecting sync.WaitGroup
		for i := range clients {
			connecting.Go(func() {
				s, err := b.Resume(t.Context(), connection.Token(fmt.Sprint(i)), sse.Client{LastEventID: at(1 + i%2)})
				if err != nil {
					t.Errorf("resume: %v", err)
					return
				}
				s.Detach()
			})
		}
		time.AfterFunc(sse.UsualLag+time.Second, func() { b.publishMany(2) })
		connecting.Wait()
		broker.set(func() {
			if broker.asked != 1 {
				t.Errorf("the broker was asked %d times", broker.asked)
			}
		})
	})
}

func TestWhoeverWaitsForTheLogIsLetGo(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(b *bench, cancel func())
		want error
	}{
		"when the client leaves":   {func(_ *bench, cancel func()) { cancel() }, sse.ErrLagging},
		"when streams are drained": {func(b *bench, _ func()) { _ = b.Drain(b.t.Context()) }, sse.ErrDraining},
		"when the engine stops":    {func(b *bench, _ func()) { b.Stop() }, gateway.ErrClosed},
	} {
		for _, id := range []string{at(1), at(9)} {
			t.Run(name+" "+id, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t, sse.Config{Start: event.ID{Seq: 5}, History: &broker{away: true}})
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					began := time.Now()
					time.AfterFunc(time.Second, func() { c.end(b, cancel) })
					if _, err := b.Resume(ctx, "t", sse.Client{LastEventID: id}); !errors.Is(err, c.want) || time.Since(began) > 2*time.Second {
						t.Errorf("%v after %s, want %v", err, time.Since(began), c.want)
					}
				})
			})
		}
	}
}
