package natspublisher_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natspublisher"
	"heliograph/domain/event"
	"heliograph/test/natsserver"
)

func TestTheLogSurvivesARestart(t *testing.T) { // G2
	dir := t.TempDir()
	before := brokertest.Open(t, natsbroker.Config{Dir: dir})
	old := serve(t, before, natspublisher.LogConfig{})
	first, last := old.publish(numbered("task/a", 1)), old.publish(numbered("task/a", 2))
	want := old.received()
	old.stop()
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}

	n := serve(t, brokertest.Open(t, natsbroker.Config{Dir: dir}), natspublisher.LogConfig{Replay: true})
	if n.log.Start() != (event.ID{Epoch: first.Epoch}) {
		t.Errorf("the log begins after %v", n.log.Start())
	}
	if diff := cmp.Diff(want, n.until(last)); diff != "" {
		t.Errorf("replayed (-want +got):\n%s", diff)
	}
	if id := n.publish(numbered("task/a", 2)); id != last { // T11: a crash came before the answer
		t.Errorf("the same event again is %v, was %v", id, last)
	}
	if id := n.publish(numbered("task/a", 3)); id.Epoch != last.Epoch || id.Seq != last.Seq+1 {
		t.Errorf("the next event is %v, the one before was %v", id, last)
	}
}

func TestWithoutReplayOnlyWhatIsNewIsReceived(t *testing.T) {
	broker := brokertest.InProcess(t)
	old := serve(t, broker, natspublisher.LogConfig{})
	start := old.publish(numbered("", 1))
	n := serve(t, broker, natspublisher.LogConfig{})
	id := old.publish(numbered("", 2))
	if got := n.until(id); len(got) != 1 || n.log.Start() != start {
		t.Errorf("after %v %d events were received, want the one after %v", n.log.Start(), len(got), start)
	}
}

func TestAShortLossOfNATSLosesAndDoublesNothing(t *testing.T) {
	server := natsserver.Start(t)
	n := serve(t, brokertest.Open(t, natsbroker.Config{URL: server.URL()}), natspublisher.LogConfig{})
	want := []event.ID{n.publish(numbered("task/a", 1))}
	server.Away()
	published := make(chan event.ID)
	go func() {
		defer close(published)
		for order := range uint64(3) {
			published <- n.publish(numbered("task/a", order+2))
		}
	}()
	server.Back(t)
	for id := range published {
		want = append(want, id)
	}
	var got []event.ID
	for _, rec := range n.received() {
		got = append(got, rec.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

func TestWhileNATSIsAwayPublishFailsInTime(t *testing.T) {
	server := natsserver.Start(t)
	n := serve(t, brokertest.Open(t, natsbroker.Config{URL: server.URL()}), natspublisher.LogConfig{})
	n.SetTryTime(50 * time.Millisecond)
	server.Away()
	if _, err := n.Publish(t.Context(), numbered("", 1)); !errors.Is(err, event.ErrUnavailable) {
		t.Errorf("publish: %v, want ErrUnavailable", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	n.SetTryTime(time.Hour)
	if _, err := n.Publish(ctx, numbered("", 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publish: %v, want the context's error", err)
	}
	if _, err := n.log.Newest(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("newest: %v, want the context's error", err)
	}
}

func TestServeEndsWhenTheLogIsNoLongerThere(t *testing.T) {
	broker := brokertest.InProcess(t)
	n := serve(t, broker, natspublisher.LogConfig{})
	n.publish(numbered("", 1))
	n.received()
	if err := broker.JetStream().DeleteStream(t.Context(), "heliograph_events"); err != nil {
		t.Fatal(err)
	}
	if err := <-n.failed; !errors.Is(err, natsbroker.ErrStreamDeleted) {
		t.Errorf("Serve: %v", err)
	}
	n.failed <- nil
}

func TestAClosedConnectionIsAClosedBroker(t *testing.T) {
	broker := brokertest.InProcess(t)
	n := serve(t, broker, natspublisher.LogConfig{})
	n.stop()
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Publish(t.Context(), numbered("", 1)); !errors.Is(err, event.ErrClosed) {
		t.Errorf("publish: %v, want ErrClosed", err)
	}
}

func TestAMessageThatNoNodeWroteIsLeftOut(t *testing.T) {
	broker := brokertest.InProcess(t)
	n := serve(t, broker, natspublisher.LogConfig{})
	if _, err := broker.JetStream().Publish(t.Context(), "heliograph.events.x", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	id := n.publish(numbered("", 1))
	if got := n.until(id); len(got) != 1 || id.Seq != 2 {
		t.Errorf("received %v", got)
	}
	if got, err := n.log.After(t.Context(), event.ID{Epoch: id.Epoch}, 9); err != nil || len(got) != 1 || got[0].ID != id {
		t.Errorf("the history is %v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"service":"task","name":"n","order":7}`, []byte("1"))
	f.Add("{", []byte(nil))
	f.Fuzz(func(t *testing.T, header string, data []byte) {
		ev, err := natspublisher.Decode(nats.Header{"Heliograph-Event": {header}}, data)
		if err != nil {
			return
		}
		msg, err := natspublisher.Encode(ev)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := natspublisher.Decode(msg.Header, msg.Data); err != nil || !cmp.Equal(again, ev) {
			t.Errorf("%+v became %+v, %v", ev, again, err)
		}
	})
}

func TestANodeThatTheLogHasLeftBehindSaysSo(t *testing.T) { // its clients would miss events and never know
	broker := brokertest.InProcess(t)
	n := serve(t, broker, natspublisher.LogConfig{})
	n.publish(numbered("", 1))
	n.received()
	n.stop()
	n.publish(numbered("", 2))
	stream, err := broker.JetStream().Stream(t.Context(), "heliograph_events")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.publish(numbered("", 3))
	if err := n.Serve(t.Context()); !errors.Is(err, natspublisher.ErrBehind) {
		t.Errorf("Serve: %v", err)
	}
}

func TestAReaderThatLeftGoesOnThereAndOneThatCrashedDoesNot(t *testing.T) { // C8
	broker := brokertest.InProcess(t)
	cfg := natspublisher.LogConfig{Reader: "me"}
	n := serve(t, broker, cfg)
	left := n.publish(numbered("", 1))
	if err := n.log.SaveResumePoint(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	missed := n.publish(numbered("", 2))
	n.stop()

	back := serve(t, broker, cfg)
	if !back.log.Resumed() || back.log.Start() != left {
		t.Errorf("it goes on after %v (%v), want %v", back.log.Start(), back.log.Resumed(), left)
	}
	if got := back.until(missed); len(got) != 1 {
		t.Errorf("it got %d events, want the one that it missed", len(got))
	}
	back.stop() // without a word

	crashed := serve(t, broker, cfg)
	if crashed.log.Resumed() || crashed.log.Start() != missed {
		t.Errorf("after a crash it goes on after %v (%v), want %v", crashed.log.Start(), crashed.log.Resumed(), missed)
	}
}

func TestAResumePointOfAnotherEpochIsNotUsed(t *testing.T) { // C8, G3
	broker := brokertest.InProcess(t)
	cfg := natspublisher.LogConfig{Reader: "me"}
	n := serve(t, broker, cfg)
	left := n.publish(numbered("", 1))
	if err := n.log.SaveResumePoint(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	n.stop()
	if err := broker.JetStream().DeleteStream(t.Context(), "heliograph_events"); err != nil {
		t.Fatal(err)
	}
	other := serve(t, broker, natspublisher.LogConfig{})
	other.publish(numbered("", 1))
	newest := other.publish(numbered("", 2)) // its number lies within the new log

	back := serve(t, broker, cfg)
	if back.log.Resumed() || back.log.Start() != newest {
		t.Errorf("it goes on after %v (%v), want %v", back.log.Start(), back.log.Resumed(), newest)
	}
}

func TestAResumePointThatRetentionHasPassedIsNotUsed(t *testing.T) { // C8, G3
	for name, c := range map[string]struct {
		dropped uint64 // of three events, the resume point being after the first
		resumed bool
	}{
		"what follows is all there":     {1, true},
		"what follows is not all there": {2, false},
	} {
		t.Run(name, func(t *testing.T) {
			broker := brokertest.InProcess(t)
			cfg := natspublisher.LogConfig{Reader: "me"}
			n := serve(t, broker, cfg)
			left := n.publish(numbered("", 1))
			n.publish(numbered("", 2))
			newest := n.publish(numbered("", 3))
			if err := n.log.SaveResumePoint(t.Context(), left); err != nil {
				t.Fatal(err)
			}
			n.stop()
			stream, err := broker.JetStream().Stream(t.Context(), "heliograph_events")
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(c.dropped+1)); err != nil {
				t.Fatal(err)
			}
			want := newest
			if c.resumed {
				want = left
			}
			back := serve(t, broker, cfg)
			if back.log.Resumed() != c.resumed || back.log.Start() != want {
				t.Errorf("it goes on after %v (%v), want %v", back.log.Start(), back.log.Resumed(), want)
			}
		})
	}
}

func TestAResumePointBeyondTheLogIsNotUsed(t *testing.T) { // a loss of power cost the newest events
	broker := brokertest.InProcess(t)
	cfg := natspublisher.LogConfig{Reader: "me"}
	n := serve(t, broker, cfg)
	newest := n.publish(numbered("", 1))
	if err := n.log.SaveResumePoint(t.Context(), event.ID{Epoch: newest.Epoch, Seq: newest.Seq + 1}); err != nil {
		t.Fatal(err)
	}
	n.stop()
	if back := serve(t, broker, cfg); back.log.Resumed() || back.log.Start() != newest {
		t.Errorf("it goes on after %v (%v), want %v", back.log.Start(), back.log.Resumed(), newest)
	}
}

func TestALogWhoseNewestEventsAreMissingIsOpened(t *testing.T) { // 27: no node will ever get them
	for name, remove := range map[string]func(*testing.T, jetstream.Stream) error{
		"the last one was removed": func(t *testing.T, s jetstream.Stream) error { return s.DeleteMsg(t.Context(), 3) },
		"the last two were removed": func(t *testing.T, s jetstream.Stream) error {
			return errors.Join(s.DeleteMsg(t.Context(), 2), s.DeleteMsg(t.Context(), 3))
		},
		"all of a topic were purged": func(t *testing.T, s jetstream.Stream) error {
			return s.Purge(t.Context(), jetstream.WithPurgeSubject("heliograph.events.task.b"))
		},
		"all were purged": func(t *testing.T, s jetstream.Stream) error { return s.Purge(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			broker := brokertest.InProcess(t)
			n := serve(t, broker, natspublisher.LogConfig{})
			n.publish(numbered("task/a", 1))
			n.publish(numbered("task/b", 1))
			newest := n.publish(numbered("task/b", 2))
			n.stop()
			stream, err := broker.JetStream().Stream(t.Context(), "heliograph_events")
			if err != nil {
				t.Fatal(err)
			}
			if err := remove(t, stream); err != nil {
				t.Fatal(err)
			}
			back := serve(t, broker, natspublisher.LogConfig{Replay: true}) // it flushes
			if _, err := back.log.After(t.Context(), event.ID{Epoch: newest.Epoch, Seq: newest.Seq - 1}, 9); !errors.Is(err, event.ErrExpired) {
				t.Errorf("the history after the event before: %v, want ErrExpired", err)
			}
			if got, err := back.log.After(t.Context(), newest, 9); err != nil || len(got) != 0 {
				t.Errorf("the history after the newest: %v, %v", got, err)
			}
			id := back.publish(numbered("task/c", 1))
			if id.Seq != newest.Seq+1 {
				t.Errorf("the next event is %v", id)
			}
			back.until(id)
			if err := back.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnEventThatIsRemovedBeforeItIsReceivedIsNotWaitedFor(t *testing.T) { // 27
	broker := brokertest.InProcess(t)
	n := serve(t, broker, natspublisher.LogConfig{})
	n.publish(numbered("", 1))
	n.received()
	n.stop()
	id := n.publish(numbered("", 2))
	stream, err := broker.JetStream().Stream(t.Context(), "heliograph_events")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), id.Seq); err != nil {
		t.Fatal(err)
	}
	if err := n.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}
