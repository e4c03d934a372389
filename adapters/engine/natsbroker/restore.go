package natsbroker

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"
)

// restoredFile, in the data folder, is made by the operator who restores a backup.
const restoredFile = "restored"

// Restored reports whether the data folder is a backup that was put in its place and
// not started since: what was numbered after the backup was made is not known, so
// the numbers must not be given out again.
func (b *Broker) Restored() bool {
	if b.server == nil {
		return false
	}
	_, err := os.Stat(filepath.Join(b.cfg.Dir, restoredFile))
	return err == nil
}

// Renumber deletes a stream of a folder that was restored, so that it is made anew.
// It may be called again.
func (b *Broker) Renumber(ctx context.Context, stream string) error {
	_, err := retryUntilAnswered(ctx, b, func(ctx context.Context) (struct{}, error) {
		err := b.js.DeleteStream(ctx, stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = nil
		}
		return struct{}{}, err
	})
	b.manifest.forget(stream)
	return err
}

// RestoreDone says that all of a restored folder is as it has to be.
func (b *Broker) RestoreDone() error {
	return os.Remove(filepath.Join(b.cfg.Dir, restoredFile))
}
