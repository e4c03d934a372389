package sse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/adapters/engine/sse"
	"heliograph/adapters/engine/sse/wire"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/stream"
	"heliograph/test/enginetest"
	"heliograph/test/sseclient"
)

// TestBothTransports runs what must hold for every transport.
func TestBothTransports(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, shards int){
		"ResumingClientGetsWhatItMissedThenLiveEvents":   resumingClientGetsWhatItMissedThenLiveEvents,
		"EveryRetainedPositionCanBeResumedFrom":          everyRetainedPositionCanBeResumedFrom,
		"ClientThatCannotResumeIsToldOnceAndFromWhere":   clientThatCannotResumeIsToldOnceAndFromWhere,
		"ClientThatSawOnlyTheEmptyLogCanResume":          clientThatSawOnlyTheEmptyLogCanResume,
		"ClientThatIsAheadGoesOnWhereItWas":              clientThatIsAheadGoesOnWhereItWas,
		"ClientOlderThanTheLogGetsTheRestFromTheBroker":  clientOlderThanTheLogGetsTheRestFromTheBroker,
		"PrivateEventGoesOutAtItsPositionInTheLog":       privateEventGoesOutAtItsPositionInTheLog,
		"ClosedStreamGetsItsLastEventAndNothingAfterIt":  closedStreamGetsItsLastEventAndNothingAfterIt,
		"ControlEventsCarryNoIDAndAreNotCounted":         controlEventsCarryNoIDAndAreNotCounted,
		"SlowConsumerFallsOutOfTheLogAloneAndIsCounted":  slowConsumerFallsOutOfTheLogAloneAndIsCounted,
		"AStateLargerThanAllLimitsReachesASlowClient":    aStateLargerThanAllLimitsReachesASlowClient,
		"StreamOverItsPrivateLimitIsEnded":               streamOverItsPrivateLimitIsEnded,
		"DrainGivesEveryStreamItsOwnRetryAfterItsEvents": drainGivesEveryStreamItsOwnRetryAfterItsEvents,
		"StoppedEngineEndsItsStreamsAndTakesNothing":     stoppedEngineEndsItsStreamsAndTakesNothing,
		"NumberOfStreamsIsBounded":                       numberOfStreamsIsBounded,
		"EnvelopeStreamOpensWithReadyAndWrapsEvents":     envelopeStreamOpensWithReadyAndWrapsEvents,
	} {
		for transport, shards := range enginetest.Transports() {
			t.Run(name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				test(t, shards)
			})
		}
	}
}

func resumingClientGetsWhatItMissedThenLiveEvents(t *testing.T, shards int) { // G2
	b := newBench(t, sse.Config{Shards: shards})
	b.publishMany(5)
	c := b.Open(b.attach("t", epoch+"-2"))
	b.publish(note("live"))
	for seq := 3; seq <= 5; seq++ {
		c.WantNote(fmt.Sprint(seq), fmt.Sprint(seq))
	}
	c.WantNote("6", "live")
	if s := b.Stats(); s.Replays != 1 || s.ReplayedEvents != 3 {
		t.Errorf("counted %d replays of %d events, want 1 of 3", s.Replays, s.ReplayedEvents)
	}
}

func everyRetainedPositionCanBeResumedFrom(t *testing.T, shards int) { // G2, G3
	b := newBench(t, sse.Config{Shards: shards, HistoryBytes: 16 << 10})
	const events = 600
	b.publishMany(events)
	expired := 0
	for seq := range events + 1 {
		token := connection.Token(fmt.Sprint(seq))
		c := b.Open(b.attach(token, fmt.Sprint(epoch, "-", seq)))
		end := b.Close(token, event.Event{Name: stream.NameReplaced, Data: []byte(`{}`)})
		if end != nil {
			t.Fatalf("close: %v", end)
		}
		first := c.Next()
		if first.Event.Name == stream.NameReset {
			if expired++; expired != seq+1 {
				t.Fatalf("after event %d: expired, though an older one was retained", seq)
			}
			c.Want("", stream.NameReplaced, "{}")
			continue
		}
		for next := seq + 1; next <= events; next++ {
			if want := fmt.Sprint(epoch, "-", next); first.Event.ID != want {
				t.Fatalf("after event %d: got %q, want %q", seq, first.Event.ID, want)
			}
			first = c.Next()
		}
		if first.Event.Name != stream.NameReplaced {
			t.Fatalf("after event %d: got %+v at the end", seq, first)
		}
	}
	if expired == 0 || expired > events*3/4 {
		t.Errorf("%d of %d places had expired; the log holds 16 KiB", expired, events)
	}
}

func clientThatCannotResumeIsToldOnceAndFromWhere(t *testing.T, shards int) { // G3
	b := newBench(t, sse.Config{Shards: shards, HistoryBytes: 4 << 10})
	b.publishMany(1000)
	for id, reason := range map[string]string{
		epoch + "-1":                     "expired",
		epoch + "-1001":                  "invalid",
		"e0-999":                         "epoch",
		"junk":                           "invalid",
		epoch + "-01":                    "invalid",
		epoch + "--1":                    "invalid",
		epoch + "-99999999999999999999":  "invalid",
		strings.Repeat("e", 1000) + "-1": "invalid",
	} {
		c := b.Open(b.attach(connection.Token(id), id))
		c.Want("1000", stream.NameReset, `{"reason":"`+reason+`"}`)
		b.send(connection.Token(id), note("next"))
		c.WantNote("1000", "next")
	}
	resets := b.Stats().Resets
	if resets[stream.ResetExpired] != 1 || resets[stream.ResetEpoch] != 1 || resets[stream.ResetInvalid] != 6 {
		t.Errorf("counted resets %v, want 1 expired, 1 epoch, 6 invalid", resets)
	}
}

func clientThatSawOnlyTheEmptyLogCanResume(t *testing.T, shards int) { // G2
	b := newBench(t, sse.Config{Shards: shards})
	c := b.Open(b.attach("t", ""))
	b.send("t", note("private"))
	c.WantNote("0", "private")
	b.publishMany(2)
	again := b.Open(b.attach("u", epoch+"-0"))
	again.WantNote("1", "1")
	again.WantNote("2", "2")
}

func privateEventGoesOutAtItsPositionInTheLog(t *testing.T, shards int) { // G2, G9, V1
	b := newBench(t, sse.Config{Shards: shards})
	b.publishMany(2)
	s := b.attach("t", epoch+"-1") // one event behind
	b.send("t", note("first"))
	b.publish(note("3"))
	b.send("t", note("second"))
	b.publish(note("4"))
	c := b.Open(s)
	c.WantNote("2", "2")
	c.WantNote("2", "first")
	c.WantNote("3", "3")
	c.WantNote("3", "second")
	c.WantNote("4", "4")
}

func closedStreamGetsItsLastEventAndNothingAfterIt(t *testing.T, shards int) { // C3
	b := newBench(t, sse.Config{Shards: shards})
	s := b.attach("t", "")
	b.publish(note("before"))
	if err := b.Close("t", event.Event{Name: stream.NameReplaced, Data: []byte(`{}`)}); err != nil {
		t.Fatalf("close: %v", err)
	}
	b.publish(note("after"))
	if err := b.Send("t", note("after")); !errors.Is(err, gateway.ErrUnknownToken) {
		t.Errorf("send after close: %v, want ErrUnknownToken", err)
	}
	c := b.Open(s)
	c.WantNote("1", "before")
	c.Want("", stream.NameReplaced, "{}")
	c.WantEnd(connection.ReasonServerClosed)
}

func controlEventsCarryNoIDAndAreNotCounted(t *testing.T, shards int) { // G2, M1
	b := newBench(t, sse.Config{Shards: shards})
	c := b.Open(b.attach("t", ""))
	ping := event.Event{Name: stream.NamePing, Data: []byte(`{}`)}
	if err := b.Broadcast(event.Record{Event: ping}); err != nil {
		t.Fatalf("broadcast: %v", err)
	}
	b.send("t", ping)
	c.Want("", stream.NamePing, "{}")
	c.Want("", stream.NamePing, "{}")
	if ok, failed, took := b.metrics.of(""); ok+failed+took != 0 {
		t.Errorf("control events were counted: %d, %d, %d", ok, failed, took)
	}
}

func slowConsumerFallsOutOfTheLogAloneAndIsCounted(t *testing.T, shards int) { // E2, G4, M1
	b := newBench(t, sse.Config{Shards: shards, HistoryBytes: 8 << 10})
	slow := b.Stuck(b.attach("slow", ""))
	good := b.Open(b.attach("good", ""))
	const events = 2000
	for i := 1; i <= events; i++ {
		b.publish(note(fmt.Sprint(i)))
		good.WantNote(fmt.Sprint(i), fmt.Sprint(i))
	}
	if reason := <-slow.Reason; reason != connection.ReasonServerClosed {
		t.Errorf("it ended for %q", reason)
	}
	s := b.Stats()
	if s.Slow.Log != 1 || s.Streams != 1 {
		t.Errorf("%d slow consumers counted and %d streams open, want 1 and 1", s.Slow.Log, s.Streams)
	}
	if s.LogBytes > 8<<10 {
		t.Errorf("the log holds %d bytes, over its limit", s.LogBytes)
	}
	ok, failed, _ := b.metrics.of(event.ServiceTask)
	// What it had not got was counted as sent when it was appended; a socket took some.
	if failed == 0 || failed > ok-events || shards < 0 && failed != ok-events {
		t.Errorf("%d ok and %d failed; %d were counted for the slow stream", ok, failed, ok-events)
	}
}

func streamOverItsPrivateLimitIsEnded(t *testing.T, shards int) { // G4, M1
	b := newBench(t, sse.Config{Shards: shards, PrivateBytes: 1000})
	c := b.Stuck(b.attach("t", ""))
	sent, err := 0, error(nil)
	for ; err == nil; sent++ {
		err = b.Send("t", note(strings.Repeat("x", 100)))
	}
	if !errors.Is(err, gateway.ErrStreamFull) {
		t.Errorf("after %d events of 100 bytes: %v, want ErrStreamFull", sent, err)
	}
	if reason := <-c.Reason; reason != connection.ReasonServerClosed {
		t.Errorf("it ended for %q", reason)
	}
	ok, failed, _ := b.metrics.of(event.ServiceTask)
	// The event that was refused never arrived, nor what waited, at most 1000 bytes; a socket took the others.
	if ok != sent-1 || failed < 1 || failed > min(10, sent) || shards < 0 && failed != sent {
		t.Errorf("counted %d ok and %d failed of %d", ok, failed, sent)
	}
	if n := b.Stats().Slow.Private; n != 1 {
		t.Errorf("counted %d slow consumers, want 1", n)
	}
}

func TestStalledStreamIsEnded(t *testing.T) { // G4
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, sse.Config{})
		c := b.Stuck(b.attach("t", ""))
		b.publish(note("not read by the client"))
		begun := time.Now()
		<-c.Reason
		if waited := time.Since(begun); waited != 30*time.Second {
			t.Errorf("it ended after %v, want 30s", waited)
		}
		if n := b.Stats().Slow.Stalled; n != 1 {
			t.Errorf("counted %d stalled streams, want 1", n)
		}
	})
}

func TestIdleStreamsGetHeartbeats(t *testing.T) { // G5
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, sse.Config{Heartbeat: 15 * time.Second})
		c := b.Open(b.attach("t", ""))
		time.Sleep(10 * time.Second) //nolint:forbidigo // fake time
		b.publish(note("not idle"))
		c.WantNote("1", "not idle")
		quiet := time.Now()
		for n := 1; n <= 3; n++ {
			if item := c.Next(); item.Kind != sseclient.KindComment || strings.TrimSpace(item.Comment) != "heartbeat" {
				t.Fatalf("got %+v, want a heartbeat", item)
			}
			if waited := time.Since(quiet); waited != time.Duration(n)*15*time.Second {
				t.Errorf("heartbeat %d came after %v", n, waited)
			}
		}
	})
}

func TestWhyStreamsEndedIsToldApart(t *testing.T) { // G4, M1
	t.Parallel()
	b := newBench(t, sse.Config{Shards: enginetest.Chunked, PrivateBytes: 1 << 10, HistoryBytes: 64 << 10, StallTimeout: time.Second, Heartbeat: 100 * time.Millisecond})
	b.attach("refused", "").Detach()
	leaves := b.Open(b.attach("leaves", ""))
	_ = leaves.Conn.Close()
	<-leaves.Reason
	closed := b.Open(b.attach("closed", ""))
	if err := b.Close("closed", event.Event{Name: stream.NameReplaced, Data: []byte(`{}`)}); err != nil {
		t.Error(err)
	}
	<-closed.Reason
	over := b.attach("over", "")
	b.send("over", note(strings.Repeat("x", 1<<10)))
	_ = b.Send("over", note("one too many"))
	over.Detach() // no transport has taken it
	private := b.Stuck(b.attach("private", ""))
	for b.Send("private", note(strings.Repeat("x", 1<<10))) == nil { // until its socket is full too
	}
	<-private.Reason
	slow := b.Stuck(b.attach("slow", ""))
	for b.Stats().Ends[sse.EndSlowLog] == 0 {
		b.publish(note(strings.Repeat("x", 1<<10)))
	}
	<-slow.Reason
	open := b.Stuck(b.attach("open", ""))
	b.Stop()
	<-open.Reason
	want := map[sse.End]uint64{
		sse.EndClientGone: 1, sse.EndClosed: 1, sse.EndSlowPrivate: 1, sse.EndSlowLog: 1, sse.EndShutdown: 1,
		sse.EndStalled: 0, sse.EndBroken: 0,
	}
	if diff := cmp.Diff(want, b.Stats().Ends); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
}

func TestHeartbeatsAreForIdleStreams(t *testing.T) { // G5
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, sse.Config{Heartbeat: 10 * time.Second})
		begin := time.Now()
		idle, busy := b.Open(b.attach("idle", "")), b.Open(b.attach("busy", ""))
		<-time.After(5 * time.Second)
		b.send("busy", note("1"))
		busy.WantNote("0", "1")
		wantHeartbeat := func(c *enginetest.Client, after time.Duration) {
			if item := c.Next(); item.Comment != "heartbeat" || time.Since(begin) != after {
				t.Errorf("after %s: %+v, want a heartbeat after %s", time.Since(begin), item, after)
			}
		}
		wantHeartbeat(idle, 10*time.Second)
		wantHeartbeat(busy, 20*time.Second)
		b.Stop()
	})
}

func TestPingsMakeHeartbeatsUnnecessary(t *testing.T) { // G5
	t.Parallel()
	for name, ping := range map[string]func(b *bench){
		"of the service": func(b *bench) { b.control(stream.NamePing) },
		"of a backend": func(b *bench) {
			l, err := b.Lock()
			if err != nil {
				return
			}
			defer l.Unlock()
			l.Append("", stream.NamePing, []byte("event: ping\ndata: {}\n\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const interval = 15 * time.Second
				b := newBench(t, sse.Config{Heartbeat: interval, Ping: interval})
				c := b.Open(b.attach("t", ""))
				for range 10 { // never quite in time
					<-time.After(interval + 100*time.Millisecond)
					ping(b)
				}
				for range 10 {
					if got := c.Next(); got.Event.Name != stream.NamePing {
						t.Fatalf("got %+v, want a ping", got)
					}
				}
				last := time.Now() // no more pings
				if got := c.Next(); got.Comment != "heartbeat" || time.Since(last) > interval+interval/10 {
					t.Errorf("got %+v after %v, want a heartbeat", got, time.Since(last))
				}
			})
		})
	}
}

func drainGivesEveryStreamItsOwnRetryAfterItsEvents(t *testing.T, shards int) { // G8, T15
	b := newBench(t, sse.Config{Shards: shards, DrainSpread: 10 * time.Second})
	const streams = 50
	var clients []*enginetest.Client
	for i := range streams {
		clients = append(clients, b.Open(b.attach(connection.Token(fmt.Sprint(i)), "")))
	}
	b.publish(note("last words"))
	if err := b.Drain(t.Context()); err != nil {
		t.Fatalf("drain: %v", err)
	}
	waits := map[time.Duration]bool{}
	for _, c := range clients {
		c.WantNote("1", "last words")
		retry := c.Next()
		if retry.Kind != sseclient.KindRetry || retry.Retry < 250*time.Millisecond || retry.Retry >= 740*time.Millisecond {
			t.Fatalf("got %+v, want a retry of 250 to 740 ms", retry)
		}
		waits[retry.Retry] = true
		c.WantEnd(connection.ReasonServerClosed)
	}
	if len(waits) < streams {
		t.Errorf("%d clients got only %d different times", streams, len(waits))
	}
	if _, err := b.Attach("late", ""); !errors.Is(err, sse.ErrDraining) {
		t.Errorf("attach while draining: %v, want ErrDraining", err)
	}
}

func TestClientsComeBackTheSoonerTheFewerTheyAre(t *testing.T) { // G8
	t.Parallel()
	for _, c := range []struct {
		streams                 int
		spread, soonest, latest time.Duration
	}{
		{1, 10 * time.Second, 250 * time.Millisecond, 250 * time.Millisecond},
		{101, 10 * time.Second, 250 * time.Millisecond, 1250 * time.Millisecond},
		{476, 10 * time.Second, 500 * time.Millisecond, 5 * time.Second},
		{10_000, 10 * time.Second, time.Second, 10 * time.Second},
		{10_000, time.Minute, 6 * time.Second, time.Minute},
		{10_000, 0, 0, 0},
		{0, 100 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond},
	} {
		e := sse.New(sse.Config{DrainSpread: c.spread}, newTally())
		if soonest, latest := e.ReturnTimes(c.streams); soonest != c.soonest || latest != c.latest {
			t.Errorf("%d streams and %v: from %v to %v, want %v to %v", c.streams, c.spread, soonest, latest, c.soonest, c.latest)
		}
	}
}

func TestDrainLeavesAStuckStreamBehindWhenItsTimeIsUp(t *testing.T) { // T15, G8
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, sse.Config{})
		c := b.Stuck(b.attach("t", ""))
		b.publish(note("not read by the client"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("drain: %v, want the deadline", err)
		}
		<-c.Reason
	})
}

func stoppedEngineEndsItsStreamsAndTakesNothing(t *testing.T, shards int) {
	b := newBench(t, sse.Config{Shards: shards})
	c := b.Open(b.attach("t", ""))
	b.Stop()
	c.WantEnd(connection.ReasonServerClosed)
	if _, err := b.Attach("u", ""); !errors.Is(err, gateway.ErrClosed) {
		t.Errorf("attach: %v, want ErrClosed", err)
	}
	if err := b.Broadcast(event.Record{ID: event.ID{Epoch: epoch, Seq: 1}, Event: note("x")}); !errors.Is(err, gateway.ErrClosed) {
		t.Errorf("broadcast: %v, want ErrClosed", err)
	}
}

func numberOfStreamsIsBounded(t *testing.T, shards int) { // SSE_MAX_CONNECTIONS
	b := newBench(t, sse.Config{Shards: shards, MaxStreams: 2})
	first := b.attach("1", "")
	second := b.attach("2", "")
	if _, err := b.Attach("3", ""); !errors.Is(err, sse.ErrTooManyStreams) {
		t.Errorf("third of two: %v, want ErrTooManyStreams", err)
	}
	first.Detach()
	b.attach("3", "").Detach()
	second.Detach()
}

func TestEveryEventIsMeasuredOnceWhenItsLastStreamHasIt(t *testing.T) { // M1, M2, E9
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, sse.Config{})
		b.publish(note("for no stream"))
		a, c := b.Open(b.attach("a", "")), b.Stuck(b.attach("b", ""))
		b.publish(note("to two"))
		version := event.Event{Service: event.ServiceVersion, Name: "version", Data: json.RawMessage(`{}`)}
		b.publish(version)
		a.WantNote("2", "to two")
		a.Want("3", "version", "{}")
		synctest.Wait()
		if ok, failed, took := b.metrics.of(event.ServiceTask); ok != 2 || failed != 0 || took != 1 {
			t.Errorf("while one stream is stuck: %d ok, %d failed, %d measured; want 2, 0, 1", ok, failed, took)
		}
		_ = c.Conn.Close() // gone: the stream's end is not awaited any more
		<-c.Reason
		synctest.Wait()
		if ok, _, took := b.metrics.of(event.ServiceTask); ok != 2 || took != 2 {
			t.Errorf("in the end: %d ok, %d measured; want 2, 2", ok, took)
		}
		if ok, _, took := b.metrics.of(event.ServiceVersion); ok != 2 || took != 1 {
			t.Errorf("version: %d ok, %d measured; want 2, 1", ok, took)
		}
		b.send("a", version)
		a.Want("3", "version", "{}")
		synctest.Wait()
		if ok, _, took := b.metrics.of(event.ServiceVersion); ok != 3 || took != 2 {
			t.Errorf("private: %d ok, %d measured; want 3, 2", ok, took)
		}
	})
}

func envelopeStreamOpensWithReadyAndWrapsEvents(t *testing.T, shards int) {
	b := newBench(t, sse.Config{Shards: shards, Format: wire.FormatEnvelope})
	c := b.Open(b.attach("t", "junk"))
	c.Want("", stream.NameReady, "")
	c.Want("0", stream.NameReset, `{"reason":"invalid"}`)
	b.publish(note("hello"))
	c.Want("1", "message", `{"type":"note","payload":"hello"}`)
}
