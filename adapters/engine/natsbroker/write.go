package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publish adds a message to the stream of its subject. It does not wait for an
// embedded server that cannot write. Errors: ErrDisk, those of jetstream.Publisher.
func (b *Broker) Publish(ctx context.Context, msg *nats.Msg, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return b.publish(ctx, msg, nil, changeRoom, options...)
}

// PublishDecoded is Publish of a message whose meaning this process's own followers get with
// it (Message.Decoded), which must not be changed any more.
func (b *Broker) PublishDecoded(ctx context.Context, msg *nats.Msg, decoded any) (*jetstream.PubAck, error) {
	return b.publish(ctx, msg, decoded, changeRoom)
}

// publish is Publish if there is that room; followers of the stream get the message.
func (b *Broker) publish(ctx context.Context, msg *nats.Msg, decoded any, free int, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	begun := now()
	ack, err := write(ctx, b, len(msg.Data), free, func(ctx context.Context) (*jetstream.PubAck, error) {
		if len(options) == 0 {
			return b.send(ctx, msg)
		}
		return b.js.PublishMsg(ctx, msg, options...)
	})
	if err == nil {
		b.feeds.hand(ack.Stream, Message{msg.Subject, msg.Header, msg.Data, ack.Sequence, begun, decoded})
	}
	return ack, err
}

// ExpectNewest has the server take the message only if the newest one of its subject is
// the one of that sequence, or if there is none for 0. Publish fails with an error that Conflict knows otherwise.
func ExpectNewest(msg *nats.Msg, seq uint64) {
	msg.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(seq, 10)}
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
	if b.server != nil {
		defer context.AfterFunc(good, cancel)() //nolint:contextcheck // good is the server's, not the caller's
	}
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
