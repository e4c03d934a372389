// Package natsreceipts implements appevent.Receipts in a NATS key-value bucket that all
// nodes share. The bucket holds a digest of each key, and lets it go when its time is over.
package natsreceipts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/appevent"
	"heliograph/domain/event"
)

const (
	bucketName = "heliograph_receipts"
	// maxKeys bounds what the bucket holds; the oldest go first. It is some 800 new ones a
	// second.
	maxKeys = 100_000
	// grace is for how much longer than it counts a key is kept: the record itself says
	// when it ends.
	grace = 10 * time.Second
	// waitTime is how long Claim waits for another caller, and waitPause is between two looks.
	waitTime, waitPause = 3 * time.Second, 50 * time.Millisecond
)

// recordFormat is that of the records that are written. It grows when an earlier version
// must not read them any more.
const recordFormat = 1

type record struct {
	Format int       `json:"format"`
	Until  time.Time `json:"until"`
	Claim  string    `json:"claim"`
	// ID and Delivered are the receipt's, once Settled says so.
	Settled   bool   `json:"settled,omitempty"`
	ID        string `json:"id,omitempty"`
	Delivered bool   `json:"delivered,omitempty"`

	id event.ID // as it was read; the zero ID for a private event
}

// Receipts remembers receipts. It is safe for concurrent use.
type Receipts struct {
	broker *natsbroker.Broker
	bucket *natsbroker.Bucket
	keep   time.Duration
}

var _ appevent.Receipts = (*Receipts)(nil)

// Open returns the receipts, each of which is remembered for keep. The clocks of the nodes
// must agree to a few seconds: a record says when it ends by the clock of the node that
// wrote it.
func Open(ctx context.Context, broker *natsbroker.Broker, keep time.Duration) (*Receipts, error) {
	bucket, err := broker.Bucket(ctx, bucketName, maxKeys)
	return &Receipts{broker: broker, bucket: bucket, keep: keep}, err
}

// digest stands for a key. The owner's length goes before it, so that no two keys are
// the same text.
func digest(k appevent.Key) string {
	return natsbroker.Digest(strconv.Itoa(len(k.Owner)) + ":" + k.Owner + k.Text)
}

// Claim implements appevent.Receipts.
func (r *Receipts) Claim(ctx context.Context, k appevent.Key) (appevent.Claim, error) {
	key, until := digest(k), time.Now().Add(waitTime)
	for {
		known, seq, err := r.read(ctx, key)
		switch {
		case err != nil:
			return appevent.Claim{}, unavailable(ctx, err)
		case known == nil:
			id := rand.Text()
			err = r.write(ctx, key, record{Claim: id}, seq)
			if err == nil {
				return appevent.Claim{ID: id}, nil
			}
			if !natsbroker.Conflict(err) {
				return appevent.Claim{}, unavailable(ctx, err)
			}
			continue // another caller was first
		case known.Settled:
			return appevent.Claim{ID: known.Claim, Receipt: &appevent.Receipt{ID: known.id, Delivered: known.Delivered}}, nil
		case !time.Now().Before(until):
			return appevent.Claim{ID: known.Claim, Repeated: true}, nil
		}
		natsbroker.Pause(ctx, waitPause)
	}
}

// decode reads what write wrote.
func decode(text []byte) (*record, error) {
	known := &record{}
	err := json.Unmarshal(text, known)
	if err == nil {
		err = natsbroker.CheckFormat(known.Format, recordFormat)
	}
	if err == nil && known.ID != "" {
		known.id, err = event.ParseID(known.ID)
	}
	return known, err
}

// read returns the record of a key, or nil, and the sequence that the next write must
// follow.
func (r *Receipts) read(ctx context.Context, key string) (known *record, seq uint64, err error) {
	msg, err := r.bucket.Newest(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	case natsbroker.Deleted(msg.Header):
		return nil, msg.Sequence, nil
	}
	if known, err = decode(msg.Data); err != nil {
		r.bucket.LeaveOut(key, msg.Sequence, err)
		return nil, 0, fmt.Errorf("read a record: %w", err)
	}
	if time.Now().After(known.Until) {
		return nil, msg.Sequence, nil
	}
	return known, msg.Sequence, nil
}

// write puts the record after the one of a sequence. Errors: one that Conflict knows when
// that is not the newest any more.
func (r *Receipts) write(ctx context.Context, key string, what record, after uint64) error {
	what.Format, what.Until = recordFormat, time.Now().UTC().Add(r.keep)
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	msg := nats.NewMsg(natsbroker.BucketSubject(bucketName, key))
	msg.Data = text
	_, err = r.broker.Publish(ctx, msg, jetstream.WithExpectLastSequencePerSubject(after), jetstream.WithMsgTTL(max(r.keep, 0)+grace))
	return err
}

// Settle implements appevent.Receipts.
func (r *Receipts) Settle(ctx context.Context, k appevent.Key, c appevent.Claim, receipt appevent.Receipt) error {
	what := record{Claim: c.ID, Settled: true, Delivered: receipt.Delivered}
	if !receipt.ID.IsZero() {
		what.ID = receipt.ID.String()
	}
	return r.replace(ctx, k, c, func(key string, seq uint64) error { return r.write(ctx, key, what, seq) })
}

// Drop implements appevent.Receipts.
func (r *Receipts) Drop(ctx context.Context, k appevent.Key, c appevent.Claim) error {
	return r.replace(ctx, k, c, func(key string, seq uint64) error { return r.bucket.MarkDeleted(ctx, key, seq, grace) })
}

// replace has the record of a claim that is not settled replaced by what write writes after
// its sequence. If it is gone, or was settled meanwhile, nothing is left to do.
func (r *Receipts) replace(ctx context.Context, k appevent.Key, c appevent.Claim, write func(key string, seq uint64) error) error {
	key := digest(k)
	known, seq, err := r.read(ctx, key)
	if err == nil {
		if known == nil || known.Claim != c.ID || known.Settled {
			return nil
		}
		err = write(key, seq)
	}
	if err == nil || natsbroker.Conflict(err) {
		return nil
	}
	return unavailable(ctx, err)
}

// unavailable is what err, of NATS, means to the caller.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("receipt: %w: %w", event.ErrUnavailable, err)
}
