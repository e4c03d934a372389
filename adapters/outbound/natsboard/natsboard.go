// Package natsboard implements version.Board in a NATS key-value bucket that all
// nodes share.
package natsboard

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/internal/natsbroker"
	"heliograph/domain/version"
)

const (
	bucket = "heliograph_version"
	key    = "current"
)

// Board holds one version. It is safe for concurrent use.
type Board struct{ kv jetstream.KeyValue }

var _ version.Board = (*Board)(nil)

// Open returns the board.
func Open(ctx context.Context, broker *natsbroker.Broker) (*Board, error) {
	kv, err := broker.Bucket(ctx, bucket, -1)
	if err != nil {
		return nil, err
	}
	return &Board{kv: kv}, nil
}

// Put implements version.Board.
func (b *Board) Put(ctx context.Context, v version.Version) error {
	if _, err := b.kv.Put(ctx, key, v.Payload()); err != nil {
		return fmt.Errorf("version board: %w", err)
	}
	return nil
}

// Get implements version.Board.
func (b *Board) Get(ctx context.Context) (version.Version, error) {
	entry, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return version.Version{}, nil
	}
	if err != nil {
		return version.Version{}, fmt.Errorf("version board: %w", err)
	}
	v, err := version.Parse(entry.Value())
	if err != nil {
		return version.Version{}, fmt.Errorf("version board: %w", err)
	}
	return v, nil
}
