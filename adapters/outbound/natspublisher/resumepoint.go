package natspublisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"heliograph/adapters/engine/natsbroker"
	"heliograph/domain/event"
)

// resumePointBucket holds, for each reader that ended in order, how far it had read.
const resumePointBucket = "heliograph_places"

// loadResumePoint has the log begin where its reader left it, if it did so in order and
// all that followed is still there. The note counts once: the next end may be a
// crash.
func (l *Log) loadResumePoint(ctx context.Context, reader string, have jetstream.StreamState) (err error) {
	if l.resumePoints, err = l.broker.Bucket(ctx, resumePointBucket, -1); err != nil {
		return err
	}
	l.reader = natsbroker.Key("reader", reader)
	entry, err := l.resumePoints.Get(ctx, l.reader)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err == nil {
		err = l.resumePoints.Purge(ctx, l.reader, 0)
	}
	if err != nil {
		return fmt.Errorf("resume point in the log: %w", err)
	}
	id, err := event.ParseID(string(entry.Value()))
	if err == nil && id.Epoch == l.epoch && id.Seq+1 >= have.FirstSeq && id.Seq <= have.LastSeq {
		l.start, l.resumed = id.Seq, true
	}
	return nil // what is no valid point is none to go on from
}

// Resumed reports whether Start is where LogConfig.Reader left the log in order.
// Otherwise it may have missed events before.
func (l *Log) Resumed() bool { return l.resumed }

// SaveResumePoint notes that LogConfig.Reader has all up to id, and ends now. It does
// nothing without a reader.
func (l *Log) SaveResumePoint(ctx context.Context, id event.ID) error {
	if l.resumePoints == nil {
		return nil
	}
	if _, err := l.resumePoints.Put(ctx, l.reader, []byte(id.String())); err != nil {
		return fmt.Errorf("resume point in the log: %w", err)
	}
	return nil
}
