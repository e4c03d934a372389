package natsbroker

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Change is what has become of a key of a bucket.
type Change struct {
	Key      string
	Value    []byte
	Deleted  bool // then there is no Value
	Revision uint64
	Time     time.Time // as of a Message
}

// Follow calls handle with what each of the keys is, which are named as
// subjects are, and from then on with each change, until ctx ends. A record that
// handle fails to read is left out. When following itself fails it begins anew:
// begin is called before the first of them each time, for what was deleted meanwhile
// is in no message any more.
func (k *Bucket) Follow(ctx context.Context, keys []string, begin func(), handle func(Change) error) {
	prefix := BucketSubject(k.Bucket(), "")
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}
	for _, key := range keys {
		cfg.FilterSubjects = append(cfg.FilterSubjects, prefix+key)
	}
	var retries RetryLogger
	for ctx.Err() == nil {
		begin()
		err := k.broker.Follow(ctx, bucketStream(k.Bucket()), cfg, func(m Message) error {
			c := Change{
				Key: strings.TrimPrefix(m.Subject, prefix), Value: m.Data, Deleted: Deleted(m.Header), Revision: m.Sequence, Time: m.Time,
			}
			if err := handle(c); err != nil {
				k.LeaveOut(c.Key, c.Revision, err)
			}
			return nil
		})
		if err != nil {
			retries.Wait(ctx, k.broker.log, bucketStream(k.Bucket()), err)
		}
	}
}
