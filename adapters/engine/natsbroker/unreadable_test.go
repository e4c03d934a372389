package natsbroker_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
)

// openLogging returns a broker in this process, and how often it has logged that a
// record was left out.
func openLogging(t *testing.T) (b *natsbroker.Broker, leftOut *atomic.Int64) {
	t.Helper()
	leftOut = new(atomic.Int64)
	log := slog.New(onMessage{t, func(text string) {
		if strings.Contains(text, "cannot be read") {
			leftOut.Add(1)
		}
	}})
	b, err := natsbroker.Open(t.Context(), natsbroker.Config{Dir: t.TempDir(), InMemory: true, Name: "node-1"}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, leftOut
}

func number(text []byte) (n int, err error) {
	err = json.Unmarshal(text, &n)
	return n, err
}

func TestFollowingABucketLeavesOutWhatCannotBeRead(t *testing.T) {
	b, leftOut := openLogging(t)
	kv, err := b.Bucket(t.Context(), "numbers", -1)
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, value string) {
		t.Helper()
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "1")
	put("b", "{not json")
	put("c", "3")
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	begun := 0
	got := make(chan int, 16)
	following.Go(func() {
		kv.Follow(ctx, nil, func() { begun++ }, func(c natsbroker.Change) error {
			n, err := number(c.Value)
			if err == nil {
				got <- n
			}
			return err
		})
	})
	want := func(n int) {
		t.Helper()
		if first := <-got; first != n {
			t.Errorf("got %d, want %d", first, n)
		}
	}
	want(1)
	want(3)
	put("b", "{not json either")
	put("a", "4")
	want(4)
	put("b", "5")
	want(5)
	cancel()
	following.Wait()
	if begun != 1 {
		t.Errorf("following began %d times", begun)
	}
	if diff := cmp.Diff(map[string]uint64{"KV_numbers": 2}, b.Unreadable()); diff != "" || leftOut.Load() != 1 {
		t.Errorf("logged %d times, want once per key; counted (-want +got):\n%s", leftOut.Load(), diff)
	}
}

func TestReadingABucketLeavesOutWhatCannotBeRead(t *testing.T) {
	b, leftOut := openLogging(t)
	kv, err := b.Bucket(t.Context(), "numbers", -1)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"a": "1", "b": "?", "c": "3"} {
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		sum := 0
		err := kv.Each(t.Context(), ">", func(entry jetstream.KeyValueEntry) error {
			n, err := number(entry.Value())
			sum += n
			return err
		})
		if err != nil || sum != 4 {
			t.Errorf("the sum is %d, %v", sum, err)
		}
	}
	if diff := cmp.Diff(map[string]uint64{"KV_numbers": 1}, b.Unreadable()); diff != "" || leftOut.Load() != 1 {
		t.Errorf("logged %d times, want once; counted (-want +got):\n%s", leftOut.Load(), diff)
	}
}
