package natsbroker_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/test/natsserver"
)

func TestFollowEndsWithItsContextWhileNATSIsAway(t *testing.T) { // T15
	server := natsserver.Start(t)
	broker := brokertest.Open(t, natsbroker.Config{URL: server.URL()})
	if _, err := broker.Stream(t.Context(), jetstream.StreamConfig{Name: "s", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := broker.JetStream().Publish(t.Context(), "s", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	handled, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- broker.Follow(ctx, "s", jetstream.OrderedConsumerConfig{}, func(natsbroker.Message) error {
			close(handled)
			return nil
		})
	}()
	<-handled
	server.Away()
	for broker.Check() == nil {
		natsbroker.Pause(t.Context(), 10*time.Millisecond)
	}
	natsbroker.Pause(t.Context(), 100*time.Millisecond) // most likely the consumer is being made anew
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(4 * time.Second): // by itself it would end after ten
		t.Error("it goes on")
	}
}
