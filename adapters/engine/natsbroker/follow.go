package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
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

// Message is one of a stream.
type Message struct {
	Subject  string
	Header   nats.Header
	Data     []byte
	Sequence uint64
	Time     time.Time // when the server took it, by its clock; of one that this process wrote, perhaps a moment before
	// Decoded is what PublishDecoded was given; nil for what the server has sent.
	Decoded any
}

// Follow calls handle with each message that cfg selects, in the order of the
// stream and each once, until ctx ends, which is no error, or handle fails. What
// the client library cannot bridge any more is an error: follow anew then, from
// the message after the last one. What this process writes to an embedded server through
// Publish and a Bucket is not sent back by the server, unless cfg selects subjects; what
// is written otherwise comes within about a second then.
func (b *Broker) Follow(ctx context.Context, stream string, cfg jetstream.OrderedConsumerConfig, handle func(Message) error) error {
	f := following{broker: b, stream: stream, handle: handle}
	ended := make(chan error, 1)
	b.followers.Go(func() { ended <- f.run(ctx, cfg) })
	select {
	case err := <-ended:
		return unlessEnded(ctx, err)
	case <-ctx.Done(): // a consumer that is being made anew ignores the context; Close waits for it
		f.handling.Lock()
		defer f.handling.Unlock()
		return nil
	}
}

// errWentBack: a server that was started anew has lost what the follower had.
var errWentBack = errors.New("the stream has lost its newest messages")

// following is one call of Follow.
type following struct {
	broker   *Broker
	stream   string
	handle   func(Message) error
	handling sync.Mutex // held while handle is called, which is not after the end of the context
}

func (f *following) run(ctx context.Context, cfg jetstream.OrderedConsumerConfig) error {
	cfg.MaxResetAttempts, cfg.InactiveThreshold = 1, inactiveTime
	if len(cfg.FilterSubjects) > 0 {
		return f.receive(ctx, cfg, forever)
	}
	feed := f.broker.feeds.add(f.stream)
	if feed == nil {
		return f.receive(ctx, cfg, forever)
	}
	defer f.broker.feeds.remove(f.stream, feed)
	take := func(m Message) error { return f.take(ctx, m) }
	for {
		feed.restart()
		last, err := f.catchUp(ctx, cfg)
		if err != nil {
			return err
		}
		if last < feed.at() {
			return errWentBack
		}
		feed.reached(last)
		if err := feed.follow(ctx, f.broker.feeds.closed, f.newest, take); err != nil {
			return err
		}
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartSequencePolicy, feed.at()+1, nil
	}
}

// newest asks the server which message of the stream is the newest.
func (f *following) newest(ctx context.Context) (uint64, error) {
	s, err := f.broker.js.Stream(ctx, f.stream)
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.LastSeq, nil
}

// catchUp receives what the server has now. All that is up to last has been received
// then, or is not there any more.
func (f *following) catchUp(ctx context.Context, cfg jetstream.OrderedConsumerConfig) (last uint64, err error) {
	newest, err := f.newest(ctx)
	if err != nil {
		return 0, err
	}
	last = newest
	if cfg.DeliverPolicy == jetstream.DeliverByStartSequencePolicy && cfg.OptStartSeq > newest {
		return newest, nil
	}
	err = f.receive(ctx, cfg, func(seq, pending uint64) bool {
		last = max(last, seq)
		return pending == 0 || seq >= newest
	})
	return last, err
}

// forever is for following.receive, which then does not end.
func forever(uint64, uint64) bool { return false }

// receive receives from the server until there is nothing at the beginning or enough
// reports true: it is called with the sequence of each message, or 0 before the first one, and how many
// more there are.
func (f *following) receive(ctx context.Context, cfg jetstream.OrderedConsumerConfig, enough func(seq, pending uint64) bool) error {
	consumer, err := f.broker.js.OrderedConsumer(ctx, f.stream, cfg)
	if err != nil {
		return err
	}
	if enough(0, consumer.CachedInfo().NumPending) {
		return nil
	}
	messages, err := consumer.Messages(jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("follow %s: %w", f.stream, err)
		}
		seq := meta.Sequence.Stream
		if err := f.take(ctx, Message{msg.Subject(), msg.Headers(), msg.Data(), seq, meta.Timestamp, nil}); err != nil {
			return err
		}
		if enough(seq, meta.NumPending) {
			return nil
		}
	}
}

func (f *following) take(ctx context.Context, m Message) error {
	f.handling.Lock()
	defer f.handling.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return f.handle(m)
}

func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of ctx is no failure
	}
	return err
}
