package natsbroker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// heartbeat is how often a server says that there is nothing new; when it does
	// not, the consumer is made anew after twice that time.
	heartbeat = 2 * time.Second
	// pullExpiry is how long one request for messages stands.
	pullExpiry = 30 * time.Second
	// inactiveTime is when a server forgets a consumer without requests.
	inactiveTime = time.Minute
)

// Follow calls handle with each message that cfg selects, in the order of the
// stream and each once, until ctx ends, which is no error, or handle fails. What
// the client library cannot bridge any more is an error: follow anew then, from
// the message after the last one.
func (b *Broker) Follow(ctx context.Context, stream string, cfg jetstream.OrderedConsumerConfig,
	handle func(jetstream.Msg, *jetstream.MsgMetadata) error,
) error {
	f := following{stream: stream, handle: handle}
	ended := make(chan error, 1)
	b.followers.Go(func() { ended <- f.run(ctx, b, cfg) })
	select {
	case err := <-ended:
		return unlessEnded(ctx, err)
	case <-ctx.Done(): // a consumer that is being made anew ignores the context; Close waits for it
		f.handling.Lock()
		defer f.handling.Unlock()
		return nil
	}
}

// following is one call of Follow.
type following struct {
	stream   string
	handle   func(jetstream.Msg, *jetstream.MsgMetadata) error
	handling sync.Mutex // held while handle is called, which is not after the end of the context
}

func (f *following) run(ctx context.Context, b *Broker, cfg jetstream.OrderedConsumerConfig) error {
	cfg.MaxResetAttempts, cfg.InactiveThreshold = 1, inactiveTime
	messages, err := openMessages(ctx, b.js, f.stream, cfg)
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		if err := f.take(ctx, msg); err != nil {
			return err
		}
	}
}

func (f *following) take(ctx context.Context, msg jetstream.Msg) error {
	f.handling.Lock()
	defer f.handling.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("follow %s: %w", f.stream, err)
	}
	return f.handle(msg, meta)
}

func openMessages(ctx context.Context, js jetstream.JetStream, stream string, cfg jetstream.OrderedConsumerConfig) (jetstream.MessagesContext, error) {
	consumer, err := js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(heartbeat))
}

func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of ctx is no failure
	}
	return err
}
