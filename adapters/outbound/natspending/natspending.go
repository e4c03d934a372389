// Package natspending implements version.Pending in a NATS key-value bucket that
// all nodes share.
//
// The bucket lets the keys go first that were not written for the longest time,
// so reading a version writes it again: what is used stays (rule V3).
package natspending

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/connection"
	"heliograph/domain/event"
	"heliograph/domain/version"
)

const bucketName = "heliograph_pending"

// Pending holds versions up to a number and a size. It is safe for concurrent use.
type Pending struct {
	broker *natsbroker.Broker
	bucket *natsbroker.Bucket
}

var _ version.Pending = (*Pending)(nil)

// Open returns the pending versions, at most maxCount of them, which take maxBytes
// together at most; the nodes must agree on both. Less than one is an error. A
// version takes some hundred bytes more than its payload.
func Open(ctx context.Context, broker *natsbroker.Broker, maxCount, maxBytes int) (*Pending, error) {
	if min(maxCount, maxBytes) < 1 {
		return nil, fmt.Errorf("pending versions: limits of %d versions and %d bytes: both must be at least 1", maxCount, maxBytes)
	}
	bucket, err := broker.BoundedBucket(ctx, bucketName, int64(maxCount), int64(maxBytes))
	if err != nil {
		return nil, err
	}
	return &Pending{broker: broker, bucket: bucket}, nil
}

// Put implements version.Pending.
func (p *Pending) Put(ctx context.Context, id connection.RequestID, v version.Version) error {
	msg, err := encode(id, v)
	if err != nil {
		return fmt.Errorf("pending version: %w", err)
	}
	if _, err := p.broker.Publish(ctx, msg); err != nil {
		return unavailable(ctx, err)
	}
	return nil
}

// Get implements version.Pending.
func (p *Pending) Get(ctx context.Context, id connection.RequestID) (version.Version, error) {
	msg, err := p.bucket.Newest(ctx, keyOf(id))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return version.Version{}, nil
	case err != nil:
		return version.Version{}, unavailable(ctx, err)
	case natsbroker.Deleted(msg.Header):
		return version.Version{}, nil
	}
	header := msg.Header.Get(recordHeader)
	v, err := decode(header, msg.Data)
	if err != nil { // none that can be sent
		p.bucket.LeaveOut(keyOf(id), msg.Sequence, err)
		return version.Version{}, nil
	}
	// The same again, with what a later version has added. If this fails it was written
	// meanwhile, or it may go a little early.
	_, _ = p.broker.Publish(ctx, message(id, header, msg.Data), jetstream.WithExpectLastSequencePerSubject(msg.Sequence))
	return v, nil
}

// List implements version.Pending.
func (p *Pending) List(ctx context.Context, most int) (waiting []version.Waiting, more bool, err error) {
	records, err := p.bucket.Watch(ctx, ">", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, false, unavailable(ctx, err)
	}
	defer func() { _ = records.Stop() }() // it can only be stopped already
	for {
		select {
		case entry := <-records.Updates():
			if entry == nil { // that is all
				return waiting, false, nil
			}
			if len(waiting) == most {
				return waiting, true, nil
			}
			one, err := waitingOf(entry)
			if err != nil {
				p.bucket.LeaveOut(entry.Key(), entry.Revision(), err)
				continue
			}
			waiting = append(waiting, one)
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// waitingOf reads a record without its header, which says no more than its format.
func waitingOf(entry jetstream.KeyValueEntry) (version.Waiting, error) {
	parts, err := natsbroker.Parts(entry.Key())
	if err != nil {
		return version.Waiting{}, err
	}
	v, err := version.Parse(entry.Value())
	return version.Waiting{RequestID: connection.RequestID(parts[0]), Version: v}, err
}

// unavailable is what err, of NATS, means to the caller.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("pending version: %w: %w", event.ErrUnavailable, err)
}
