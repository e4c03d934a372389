package natsbroker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
)

// followed follows a stream of the embedded server until the test ends, and sends what
// comes: "sequence subject data".
func followed(t *testing.T, b *natsbroker.Broker, stream string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	got, ended := make(chan string, 100_000), make(chan error, 1)
	go func() {
		ended <- b.Follow(ctx, stream, jetstream.OrderedConsumerConfig{}, func(m natsbroker.Message) error {
			got <- fmt.Sprintf("%d %s %s %s", m.Sequence, m.Subject, m.Header.Get("H"), m.Data)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return got
}

func openStream(t *testing.T) *natsbroker.Broker {
	t.Helper()
	b := brokertest.InProcess(t)
	if _, err := b.Stream(t.Context(), jetstream.StreamConfig{Name: "s", Subjects: []string{"s.>"}, MaxBytes: -1, MaxMsgs: -1}); err != nil {
		t.Fatal(err)
	}
	return b
}

// What comes is what the stream has, each once and in its order, whoever wrote it: many at
// the same time through the broker, and others past it.
func TestFollowersGetWhatTheStreamHasWhoeverWroteIt(t *testing.T) { // E7
	const writers, each = 8, 200
	b := openStream(t)
	followers := []<-chan string{followed(t, b, "s"), followed(t, b, "s")}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				msg := &nats.Msg{Subject: fmt.Sprintf("s.%d", w), Data: fmt.Append(nil, i), Header: nats.Header{"H": {"h"}}}
				var err error
				if w == 0 && i%20 == 0 { // past the broker
					_, err = b.JetStream().PublishMsg(t.Context(), msg)
				} else {
					_, err = b.Publish(t.Context(), msg)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	var want []string
	stream, err := b.JetStream().Stream(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(writers * each) {
		msg, err := stream.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%d %s h %s", msg.Sequence, msg.Subject, msg.Data))
	}
	for _, f := range followers {
		var got []string
		for range want {
			got = append(got, <-f)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("followed (-stream +got):\n%s", diff)
		}
	}
}

func TestFollowersGetWhatOnlyTheServerKnows(t *testing.T) {
	b := openStream(t)
	got := followed(t, b, "s")
	publish := func(f func() error) {
		t.Helper()
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	past := func() error { _, err := b.JetStream().Publish(t.Context(), "s.past", nil); return err }
	through := func() error { _, err := b.Publish(t.Context(), &nats.Msg{Subject: "s.through"}); return err }
	for _, c := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"the newest was written past the broker", past, []string{"1 s.past  "}},
		{"one before the newest was", func() error { publish(past); return through() }, []string{"2 s.past  ", "3 s.through  "}},
		{"a write has no answer", func() error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := b.Publish(ctx, &nats.Msg{Subject: "s.through"}); err == nil {
				t.Error("a write whose context has ended succeeded")
			}
			return through()
		}, []string{"4 s.through  "}},
		{"one was removed before it came", func() error {
			publish(past)
			s, err := b.JetStream().Stream(t.Context(), "s")
			publish(func() error { return err })
			publish(func() error { return s.Purge(t.Context()) })
			return through()
		}, []string{"6 s.through  "}},
	} {
		publish(c.do)
		for _, want := range c.want {
			one := <-got
			if one == "5 s.past  " { // it was faster than its removal
				one = <-got
			}
			if one != want {
				t.Errorf("%s: got %q, want %q", c.name, one, want)
			}
		}
	}
}

func TestAFollowerOfMoreThanCanWaitGetsAll(t *testing.T) {
	const large, n = 1 << 20, 40
	b := openStream(t)
	ctx, cancel := context.WithCancel(t.Context())
	slow, ended := make(chan uint64), make(chan error, 1)
	go func() {
		ended <- b.Follow(ctx, "s", jetstream.OrderedConsumerConfig{}, func(m natsbroker.Message) error {
			slow <- m.Sequence
			return nil
		})
	}()
	for range n {
		if _, err := b.Publish(t.Context(), &nats.Msg{Subject: "s.large", Data: make([]byte, large)}); err != nil {
			t.Fatal(err)
		}
	}
	for want := range uint64(n) {
		if seq := <-slow; seq != want+1 {
			t.Errorf("got message %d, want %d", seq, want+1)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFollowersOfABucketGetDeletions(t *testing.T) {
	b := brokertest.InProcess(t)
	kv, err := b.Bucket(t.Context(), "b", -1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan string, 10)
	var following sync.WaitGroup
	following.Go(func() {
		kv.Follow(ctx, nil, func() {}, func(c natsbroker.Change) error {
			got <- fmt.Sprintf("%d %s %q %t", c.Revision, c.Key, c.Value, c.Deleted)
			return nil
		})
	})
	first, err1 := kv.Create(t.Context(), "k", []byte("1"))
	_, err2 := kv.Update(t.Context(), "k", []byte("2"), first)
	if err := kv.Purge(t.Context(), "k", first); !natsbroker.Conflict(err) {
		t.Errorf("purge of another revision: %v", err)
	}
	err3 := kv.Purge(t.Context(), "k", 2)
	_, err4 := kv.Create(t.Context(), "k", []byte("4"))
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for change := ""; change != `4 k "4" false`; {
		if change = <-got; change == `3 k "" false` {
			t.Error("a deletion came as a value")
		}
	}
	cancel()
	following.Wait()
}
