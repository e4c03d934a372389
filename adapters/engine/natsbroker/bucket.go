package natsbroker

import (
	"cmp"
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
func (b *Broker) Bucket(ctx context.Context, name string, maxKeys int64) (*Bucket, error) {
	return b.BoundedBucket(ctx, name, maxKeys, -1)
}

// BoundedBucket is Bucket whose records take maxBytes together at most, in the same
// way; -1 is no bound.
func (b *Broker) BoundedBucket(ctx context.Context, name string, maxKeys, maxBytes int64) (*Bucket, error) {
	stream, err := b.Stream(ctx, jetstream.StreamConfig{
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
	return &Bucket{KeyValue: kv, broker: b, stream: stream}, nil
}

func bucketStream(bucket string) string { return "KV_" + bucket }

// BucketSubject is the subject of a key, or of keys, in a bucket.
func BucketSubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// Deleted reports whether a message of a bucket says that its key was deleted.
func Deleted(header nats.Header) bool {
	return header.Get("KV-Operation") != "" || header.Get(jetstream.MarkerReasonHeader) != ""
}

// Bucket is a key-value bucket. Its changes do not wait for an embedded server that
// cannot write, and may return ErrDisk. It is safe for concurrent use.
type Bucket struct {
	jetstream.KeyValue

	broker *Broker
	stream jetstream.Stream // that holds it
}

// Newest returns the last message of a key, which may say that the key was deleted: see
// Deleted. Errors: jetstream.ErrMsgNotFound, those of NATS.
func (k *Bucket) Newest(ctx context.Context, key string) (*jetstream.RawStreamMsg, error) {
	return k.stream.GetLastMsgForSubject(ctx, BucketSubject(k.Bucket(), key))
}

// Info asks what the bucket holds, and which server leads it.
func (k *Bucket) Info(ctx context.Context) (*jetstream.StreamInfo, error) { return k.stream.Info(ctx) }

// Each calls visit with each of the keys that there are now, which are named as by
// Watch. A record that visit fails to read is left out. Errors: ctx.Err(), those of
// NATS.
func (k *Bucket) Each(ctx context.Context, keys string, visit func(jetstream.KeyValueEntry) error) error {
	records, err := k.Watch(ctx, keys, jetstream.IgnoreDeletes())
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
				k.LeaveOut(entry.Key(), entry.Revision(), err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// LeaveOut is Broker.LeaveOut for the record of a key.
func (k *Bucket) LeaveOut(key string, revision uint64, err error) {
	k.broker.LeaveOut(bucketStream(k.Bucket()), key, revision, err)
}

// MarkDeleted writes the marker of a deleted key over its record of that revision, or with
// 0 over none, so that no write that expects this succeeds. The marker goes after that time;
// 0 is ten minutes. Errors: one that Conflict knows when the key was written or deleted.
func (k *Bucket) MarkDeleted(ctx context.Context, key string, revision uint64, keep time.Duration) error {
	marker := &nats.Msg{Subject: BucketSubject(k.Bucket(), key), Header: nats.Header{"KV-Operation": {"PURGE"}}}
	_, err := k.broker.Publish(ctx, marker, jetstream.WithExpectLastSequencePerSubject(revision), jetstream.WithMsgTTL(cmp.Or(keep, markerTTL)))
	return err
}

// Put implements jetstream.KeyValue. The caller leaves value alone from then on. Errors:
// ErrDisk also; both as of all below.
func (k *Bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return k.write(ctx, key, value, changeRoom, func(ctx context.Context) (uint64, error) { return k.KeyValue.Put(ctx, key, value) })
}

// Create implements jetstream.KeyValue.
func (k *Bucket) Create(ctx context.Context, key string, value []byte, options ...jetstream.KVCreateOpt) (uint64, error) {
	return k.write(ctx, key, value, createRoom, func(ctx context.Context) (uint64, error) { return k.KeyValue.Create(ctx, key, value, options...) })
}

// Update implements jetstream.KeyValue.
func (k *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	msg := &nats.Msg{Subject: BucketSubject(k.Bucket(), key), Data: value, Header: make(nats.Header, 1)}
	ExpectNewest(msg, revision)
	ack, err := k.broker.Publish(ctx, msg)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// write is Broker.write of a key, which the bucket's followers get.
func (k *Bucket) write(ctx context.Context, key string, value []byte, free int, f func(context.Context) (uint64, error)) (uint64, error) {
	begun := now()
	revision, err := write(ctx, k.broker, len(value), free, f)
	if err == nil {
		k.broker.feeds.hand(bucketStream(k.Bucket()), Message{Subject: BucketSubject(k.Bucket(), key), Data: value, Sequence: revision, Time: begun})
	}
	return revision, err
}

// Purge deletes a key whose record has that revision; 0 is any. The marker of the
// deleted key goes after ten minutes. Errors: one that Conflict knows when the record has another.
func (k *Bucket) Purge(ctx context.Context, key string, revision uint64) error {
	marker := &nats.Msg{Subject: BucketSubject(k.Bucket(), key), Header: nats.Header{
		"KV-Operation": {"PURGE"}, jetstream.MsgRollup: {jetstream.MsgRollupSubject},
	}}
	options := []jetstream.PublishOpt{jetstream.WithMsgTTL(markerTTL)}
	if revision != 0 {
		options = append(options, jetstream.WithExpectLastSequencePerSubject(revision))
	}
	k.broker.markers.add(bucketStream(k.Bucket()), 1)
	_, err := k.broker.publish(ctx, marker, nil, removeRoom, options...)
	return err
}
