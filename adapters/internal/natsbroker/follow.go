package natsbroker

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// heartbeat is how often a server says that there is nothing new; when it does
	// not, the consumer is made anew after twice that time.
	heartbeat = 2 * time.Second
	// pullExpiry is how long one request for messages stands.
	pullExpiry = 30 * time.Second
	// inactiveTime is when a server forgets a consumer that nobody asks for.
	inactiveTime = time.Minute
)

// Follow calls handle with each message that cfg selects, in the order of the
// stream and each once, until ctx ends, which is no error, or handle fails. What
// the client library cannot bridge any more is an error: follow anew then, from
// the message after the last one.
func (b *Broker) Follow(ctx context.Context, stream string, cfg jetstream.OrderedConsumerConfig,
	handle func(jetstream.Msg, *jetstream.MsgMetadata) error,
) error {
	cfg.MaxResetAttempts, cfg.InactiveThreshold = 1, inactiveTime
	messages, err := b.messages(ctx, stream, cfg)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer messages.Stop()
	// A consumer that is being made anew heeds no context, but this.
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return unlessEnded(ctx, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("follow %s: %w", stream, err)
		}
		if err := handle(msg, meta); err != nil {
			return err
		}
	}
}

func (b *Broker) messages(ctx context.Context, stream string, cfg jetstream.OrderedConsumerConfig) (jetstream.MessagesContext, error) {
	consumer, err := b.js.OrderedConsumer(ctx, stream, cfg)
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

// Pause waits d, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
