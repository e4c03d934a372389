package natsbroker_test

import (
	"errors"
	"testing"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/test/natsserver"
)

func TestABucketThatIsDeletedOrMadeAnewIsGone(t *testing.T) {
	url := natsserver.Start(t).URL()
	first, second := brokertest.Open(t, natsbroker.Config{URL: url}), brokertest.Open(t, natsbroker.Config{URL: url})
	var bucket *natsbroker.Bucket
	for _, b := range []*natsbroker.Broker{first, second} {
		var err error
		if bucket, err = b.Bucket(t.Context(), "b", -1); err != nil {
			t.Fatal(err)
		}
		if err := b.CheckStreams(t.Context()); err != nil {
			t.Errorf("it is there: %v", err)
		}
	}
	if err := first.JetStream().DeleteStream(t.Context(), "KV_b"); err != nil {
		t.Fatal(err)
	}
	if err := first.CheckStreams(t.Context()); !errors.Is(err, natsbroker.ErrStreamDeleted) {
		t.Errorf("it was deleted: %v, want ErrStreamDeleted", err)
	}
	if _, err := bucket.Put(t.Context(), "k", nil); err == nil || !errors.Is(second.Check(), natsbroker.ErrNoAnswer) {
		t.Errorf("put: %v, check: %v, want ErrNoAnswer", err, second.Check())
	}
	if _, err := first.Bucket(t.Context(), "b", -1); err != nil {
		t.Fatal(err)
	}
	if err := first.CheckStreams(t.Context()); err != nil {
		t.Errorf("the broker that has made it anew: %v", err)
	}
	if err := second.CheckStreams(t.Context()); !errors.Is(err, natsbroker.ErrStreamDeleted) {
		t.Errorf("the broker that has opened the one before: %v, want ErrStreamDeleted", err)
	}
}

func TestWhileNATSIsAwayNothingIsGone(t *testing.T) {
	server := natsserver.Start(t)
	b := brokertest.Open(t, natsbroker.Config{URL: server.URL()})
	if _, err := b.Bucket(t.Context(), "b", -1); err != nil {
		t.Fatal(err)
	}
	server.Away()
	if err := b.CheckStreams(t.Context()); err != nil {
		t.Errorf("away: %v", err)
	}
}
