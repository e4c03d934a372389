// Package natsboard implements version.Board in a NATS key-value bucket that all
// nodes share.
package natsboard

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/event"
	"heliograph/domain/version"
)

const (
	bucketName = "heliograph_version"
	// formerKey holds what an earlier release wrote: the payload of the version that
	// the source had named last, which was the current one. It is read while the
	// slots have no record of their own.
	formerKey = "current"
)

// Board holds a version per slot. It is safe for concurrent use.
type Board struct{ bucket *natsbroker.Bucket }

var _ version.Board = (*Board)(nil)

// Open returns the board.
func Open(ctx context.Context, broker *natsbroker.Broker) (*Board, error) {
	bucket, err := broker.Bucket(ctx, bucketName, -1)
	if err != nil {
		return nil, err
	}
	return &Board{bucket: bucket}, nil
}

// Put implements version.Board: it compares and sets until no other node has
// written between.
func (b *Board) Put(ctx context.Context, slot version.Slot, v version.Logged) error {
	for {
		err := b.compareAndSet(ctx, slot, v)
		if err == nil {
			return nil
		}
		if !natsbroker.Conflict(err) {
			return unavailable(ctx, err)
		}
	}
}

// compareAndSet writes v unless the slot holds a newer one. A record that cannot be
// read is overwritten.
func (b *Board) compareAndSet(ctx context.Context, slot version.Slot, v version.Logged) error {
	text, err := encode(v)
	if err != nil {
		return err
	}
	entry, err := b.bucket.Get(ctx, keyOf(slot))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		_, err = b.bucket.Create(ctx, keyOf(slot), text)
		return err
	}
	if err != nil {
		return err
	}
	if there, err := decode(entry.Value()); err == nil && v.Before(there) {
		return nil
	}
	_, err = b.bucket.Update(ctx, entry.Key(), text, entry.Revision())
	return err
}

// Get implements version.Board.
func (b *Board) Get(ctx context.Context, slot version.Slot) (version.Logged, error) {
	entry, err := b.bucket.Get(ctx, keyOf(slot))
	if err == nil {
		v, err := decode(entry.Value())
		return b.readable(entry, v, err)
	}
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return b.former(ctx)
	}
	return version.Logged{}, unavailable(ctx, err)
}

// former returns what an earlier release has left.
func (b *Board) former(ctx context.Context) (version.Logged, error) {
	entry, err := b.bucket.Get(ctx, formerKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return version.Logged{}, nil
	}
	if err != nil {
		return version.Logged{}, unavailable(ctx, err)
	}
	v, err := version.Parse(entry.Value())
	return b.readable(entry, version.Logged{Version: v}, err)
}

// readable is what was read of entry; a record that cannot be read is counted.
func (b *Board) readable(entry jetstream.KeyValueEntry, v version.Logged, err error) (version.Logged, error) {
	if err != nil {
		b.bucket.LeaveOut(entry.Key(), entry.Revision(), err)
	}
	return v, err
}

func keyOf(slot version.Slot) string { return natsbroker.Key("slot", string(slot)) }

// unavailable is what err, of NATS, means to the caller.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("version board: %w: %w", event.ErrUnavailable, err)
}
