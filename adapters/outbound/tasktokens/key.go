package tasktokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
)

const (
	bucketName = "heliograph_keys"
	keyName    = "task_tokens"
	// recordFormat is that of the record that is written.
	recordFormat = 1
)

// record is what the bucket holds.
type record struct {
	Format int    `json:"format"`
	Key    []byte `json:"key"`
}

// OpenKey returns the key that all nodes share, which is made if it is not there. An
// operator who deletes it and restarts the nodes makes all tokens worthless.
func OpenKey(ctx context.Context, broker *natsbroker.Broker) (Key, error) {
	bucket, err := broker.Bucket(ctx, bucketName, -1)
	if err != nil {
		return Key{}, err
	}
	for {
		entry, err := bucket.Get(ctx, keyName)
		if err == nil {
			return decodeKey(entry.Value())
		}
		if !errors.Is(err, jetstream.ErrKeyNotFound) {
			return Key{}, err
		}
		k := NewKey()
		text, err := json.Marshal(record{Format: recordFormat, Key: k[:]})
		if err != nil {
			return Key{}, err
		}
		if _, err = bucket.Create(ctx, keyName, text); err == nil {
			return k, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) && !natsbroker.Conflict(err) {
			return Key{}, err
		}
	}
}

// decodeKey does not fall back to another key: the tokens that are out would be refused
// without a word.
func decodeKey(text []byte) (Key, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return Key{}, fmt.Errorf("the record %s of the bucket %s cannot be read", keyName, bucketName) // its text is secret
	}
	if err := natsbroker.CheckFormat(r.Format, recordFormat); err != nil {
		return Key{}, fmt.Errorf("the record %s of the bucket %s: %w", keyName, bucketName, err)
	}
	if len(r.Key) != keySize {
		return Key{}, fmt.Errorf("the record %s of the bucket %s has a key of %d bytes, want %d", keyName, bucketName, len(r.Key), keySize)
	}
	return Key(r.Key), nil
}
