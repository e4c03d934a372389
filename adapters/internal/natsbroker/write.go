package natsbroker

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publish adds a message to the stream of its subject. It does not wait for an
// embedded server that cannot write. Errors: ErrDisk, those of jetstream.Publisher.
func (b *Broker) Publish(ctx context.Context, msg *nats.Msg, options ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return write(ctx, b, func(ctx context.Context) (*jetstream.PubAck, error) { return b.js.PublishMsg(ctx, msg, options...) })
}

// bucket is a key-value bucket whose changes do not wait for an embedded server
// that cannot write. Errors: ErrDisk also.
type bucket struct {
	jetstream.KeyValue

	broker *Broker
}

func (k bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return write(ctx, k.broker, func(ctx context.Context) (uint64, error) { return k.KeyValue.Put(ctx, key, value) })
}

func (k bucket) Create(ctx context.Context, key string, value []byte, options ...jetstream.KVCreateOpt) (uint64, error) {
	return write(ctx, k.broker, func(ctx context.Context) (uint64, error) { return k.KeyValue.Create(ctx, key, value, options...) })
}

func (k bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return write(ctx, k.broker, func(ctx context.Context) (uint64, error) { return k.KeyValue.Update(ctx, key, value, revision) })
}

func (k bucket) Purge(ctx context.Context, key string, options ...jetstream.KVDeleteOpt) error {
	_, err := write(ctx, k.broker, func(ctx context.Context) (struct{}, error) { return struct{}{}, k.KeyValue.Purge(ctx, key, options...) })
	return err
}
