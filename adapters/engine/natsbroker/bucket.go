package natsbroker

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// markerTTL is how long a bucket remembers that a key was deleted, for nodes that
// follow it.
const markerTTL = 10 * time.Minute

// Bucket returns the key-value bucket of that name, of at most maxKeys keys, of
// which the longest unwritten go first; -1 is no bound. Reads come from the one
// server that takes the writes, so that what was written is read. Purge has its
// marker go after ten minutes.
func (b *Broker) Bucket(ctx context.Context, name string, maxKeys int64) (jetstream.KeyValue, error) {
	return b.BoundedBucket(ctx, name, maxKeys, -1)
}

// BoundedBucket is Bucket whose records take maxBytes together at most, in the same
// way; -1 is no bound.
func (b *Broker) BoundedBucket(ctx context.Context, name string, maxKeys, maxBytes int64) (jetstream.KeyValue, error) {
	_, err := b.Stream(ctx, jetstream.StreamConfig{
		Name: bucketStream(name), Subjects: []string{BucketSubject(name, ">")},
		MaxMsgsPerSubject: 1, MaxMsgs: maxKeys, MaxBytes: maxBytes, Discard: jetstream.DiscardOld,
		AllowRollup: true, DenyDelete: true, AllowMsgTTL: true, SubjectDeleteMarkerTTL: markerTTL,
	})
	if err != nil {
		return nil, err
	}
	kv, err := retryUntilAnswered(ctx, b, func(ctx context.Context) (jetstream.KeyValue, error) { return b.js.KeyValue(ctx, name) })
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, err)
	}
	return bucket{KeyValue: kv, broker: b}, nil
}

// Records returns the stream that holds a bucket which is there. Unlike the bucket it
// says of a deleted key, too, at which revision that was.
func (b *Broker) Records(ctx context.Context, bucket string) (jetstream.Stream, error) {
	return retryUntilAnswered(ctx, b, func(ctx context.Context) (jetstream.Stream, error) { return b.js.Stream(ctx, bucketStream(bucket)) })
}

func bucketStream(bucket string) string { return "KV_" + bucket }

// BucketSubject is the subject of a key, or of keys, in a bucket.
func BucketSubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// Deleted reports whether a message of a bucket says that its key was deleted.
func Deleted(header nats.Header) bool {
	return header.Get("KV-Operation") != "" || header.Get(jetstream.MarkerReasonHeader) != ""
}

// Each calls visit with each of the keys that kv has now, which are named as by
// Watch. A record that visit fails to read is left out. Errors: ctx.Err(), those of
// NATS.
func (b *Broker) Each(ctx context.Context, kv jetstream.KeyValue, keys string, visit func(jetstream.KeyValueEntry) error) error {
	records, err := kv.Watch(ctx, keys, jetstream.IgnoreDeletes())
	if err != nil {
		return err
	}
	defer func() { _ = records.Stop() }() // it can only be stopped already
	for {
		select {
		case entry := <-records.Updates():
			if entry == nil { // that is all
				return nil
			}
			if err := visit(entry); err != nil {
				b.LeaveOutKey(kv.Bucket(), entry.Key(), entry.Revision(), err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// MarkDeleted writes the marker of a deleted key for a key of the bucket that was
// never written, so that no write that expects this succeeds for ten minutes.
// Errors: one that Conflict knows when the key was written or deleted.
func (b *Broker) MarkDeleted(ctx context.Context, bucket, key string) error {
	marker := &nats.Msg{Subject: BucketSubject(bucket, key), Header: nats.Header{"KV-Operation": {"PURGE"}}}
	_, err := b.Publish(ctx, marker, jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithMsgTTL(markerTTL))
	return err
}

// bucket is a key-value bucket whose changes do not wait for an embedded server
// that cannot write. Errors: ErrDisk also.
type bucket struct {
	jetstream.KeyValue

	broker *Broker
}

func (k bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return write(ctx, k.broker, len(value), changeRoom, func(ctx context.Context) (uint64, error) { return k.KeyValue.Put(ctx, key, value) })
}

func (k bucket) Create(ctx context.Context, key string, value []byte, options ...jetstream.KVCreateOpt) (uint64, error) {
	return write(ctx, k.broker, len(value), createRoom, func(ctx context.Context) (uint64, error) { return k.KeyValue.Create(ctx, key, value, options...) })
}

func (k bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return write(ctx, k.broker, len(value), changeRoom, func(ctx context.Context) (uint64, error) { return k.KeyValue.Update(ctx, key, value, revision) })
}

func (k bucket) Purge(ctx context.Context, key string, options ...jetstream.KVDeleteOpt) error {
	options = append(options, jetstream.PurgeTTL(markerTTL))
	k.broker.markers.add(bucketStream(k.Bucket()), 1)
	_, err := write(ctx, k.broker, 0, removeRoom, func(ctx context.Context) (struct{}, error) { return struct{}{}, k.KeyValue.Purge(ctx, key, options...) })
	return err
}
