package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publish adds a message to the stream of its subject. It does not wait for an
// embedded server that cannot write. Errors: ErrDisk, those of jetstream.Publisher.
func (b *Broker) Publish(ctx context.Context, msg *nats.Msg, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return b.publish(ctx, msg, changeRoom, options...)
}

// publish is Publish if there is that room; what followers of the stream get is the message.
func (b *Broker) publish(ctx context.Context, msg *nats.Msg, free int, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	begun := now()
	ack, err := write(ctx, b, len(msg.Data), free, func(ctx context.Context) (*jetstream.PubAck, error) { return b.js.PublishMsg(ctx, msg, options...) })
	if err == nil {
		b.feeds.hand(ack.Stream, Message{msg.Subject, msg.Header, msg.Data, ack.Sequence, begun})
	}
	return ack, err
}

// now is the time without this process's own clock, as a server says it.
func now() time.Time { return time.Now().Round(0) }

// write calls f, which writes so many bytes, if there is room for them beside what
// must be free. Its answer decides for Check, and its context ends when the server
// stops writing: f would get no answer. Errors: those of f, ErrDisk.
func write[T any](ctx context.Context, b *Broker, bytes, free int, f func(context.Context) (T, error)) (result T, err error) {
	if err := b.room.check(bytes, free); err != nil {
		return result, err
	}
	good := b.health.state()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	defer context.AfterFunc(good, cancel)() //nolint:contextcheck // good is the server's, not the caller's
	result, err = f(ctx)
	if !errors.Is(err, context.Canceled) { // that says nothing of NATS
		b.written.set(writeFault(err))
	}
	if err != nil && codeOf(err) == 0 { // no answer: the server may have taken it
		b.feeds.doubt()
	}
	if err != nil && good.Err() != nil {
		err = context.Cause(good) //nolint:contextcheck // as above
	}
	return result, err
}

// writeFault is what err, of a write, says of NATS: nil if it is about that write only.
func writeFault(err error) error {
	switch code := codeOf(err); {
	case code == codeNoResources, code == codeNoAccountResources, code == codeNoSpace:
		return fmt.Errorf("%w: %w", ErrStorage, err)
	case isTransient(err):
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	default:
		return nil
	}
}
