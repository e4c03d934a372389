package natsbroker

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publish adds a message to the stream of its subject. It does not wait for an
// embedded server that cannot write. Errors: ErrDisk, those of jetstream.Publisher.
func (b *Broker) Publish(ctx context.Context, msg *nats.Msg, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return write(ctx, b, func(ctx context.Context) (*jetstream.PubAck, error) { return b.js.PublishMsg(ctx, msg, options...) })
}

// write calls f, whose answer decides for Check, with a context that ends when the
// server stops writing: f would get no answer. Errors: those of f, ErrDisk.
func write[T any](ctx context.Context, b *Broker, f func(context.Context) (T, error)) (T, error) {
	good := b.health.state()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	defer context.AfterFunc(good, cancel)() //nolint:contextcheck // good is the server's, not the caller's
	result, err := f(ctx)
	if !errors.Is(err, context.Canceled) { // that says nothing of NATS
		b.silent.Store(passing(err))
	}
	if err != nil && good.Err() != nil {
		err = context.Cause(good) //nolint:contextcheck // as above
	}
	return result, err
}
